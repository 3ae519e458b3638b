"""What an image is here: a digest in the simulated registry that stands for a folder of this machine.

The folder is a checkout of Holdfast, or a changed copy of one. Who pushes writes the map, the task agent reads it.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

MAP = "images.json"
# What the folder of an image has to hold, as docker/Dockerfile copies it.
PARTS = ("alembic.ini", "migrations", "runtime")
DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")


class NoImage(LookupError):
    """CannotPullContainerError: the registry has no {image}."""


@dataclass(frozen=True, slots=True)
class Images:
    folder: Path

    def map(self) -> dict[str, str]:
        file = self.folder / MAP
        return dict(json.loads(file.read_text("utf-8"))) if file.exists() else {}

    def push(self, digest: str, tree: Path) -> None:
        """Atomically, since a task may start at this moment."""
        written = self.folder / f"{MAP}.new"
        written.write_text(json.dumps({**self.map(), digest: str(tree)}, indent=1), encoding="utf-8")
        os.replace(written, self.folder / MAP)

    def find(self, image: str) -> Path:
        """The folder behind the address of an image, which must name a digest."""
        found = DIGEST.search(image)
        tree = self.map().get(found[1]) if found else None
        if tree is None:
            raise NoImage(f"CannotPullContainerError: the registry has no {image}.")
        return Path(tree)
