"""Versions of Holdfast to deploy: a copy of this checkout for each, changed as a release of that kind would be.

Whoever deploys a version does it from the version's own checkout, since its migrations and templates belong to it; an
image of it is the same folder.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from deploy.rehearsal.simulation import ROOT

PARTS = ("app.py", "cdk.json", "alembic.ini", "pyproject.toml", "deploy", "stacks", "runtime", "migrations", "docker",
         "requirements")  # fmt: skip
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"

REVISION = '''\
"""{title}: made for a rehearsal."""

from alembic import op

revision = "{revision}"
down_revision = "{below}"
{oldest}

def upgrade() -> None:
    op.execute("{statement}")


def downgrade() -> None:
    op.execute("drop table if exists holdfast.rehearsed_{revision}")
'''
# Runs whenever the package is loaded, and so in every process of the image.
BREAKS = """
import sys

if {command!r} in sys.argv:
    print("this version was made to break", flush=True)
    sys.exit({code})
"""


@dataclass(frozen=True, slots=True)
class Checkout:
    """`head` is the newest revision of its migrations."""

    name: str
    folder: Path

    @property
    def head(self) -> str:
        return sorted(path.name[:4] for path in self._versions.glob("[0-9]*.py"))[-1]

    @property
    def _versions(self) -> Path:
        return self.folder / "migrations" / "versions"

    def copy(self, name: str) -> "Checkout":
        folder = self.folder.parent / name
        shutil.copytree(self.folder, folder)
        return Checkout(name, folder)

    def migrate_more(self, statement: str, *, suits_older: bool = True) -> None:
        """One revision more; `suits_older` promises that the program before it runs on the schema too."""
        below = self.head
        revision = f"{int(below) + 1:04}"
        oldest = f'oldest_program = "{below}"\n' if suits_older else ""
        text = REVISION.format(
            title=self.name, revision=revision, below=below, oldest=oldest, statement=statement
        )
        (self._versions / f"{revision}_rehearsed.py").write_text(text, encoding="utf-8")

    def break_command(self, command: str, code: int) -> None:
        with (self.folder / "runtime" / "__init__.py").open("a", encoding="utf-8") as file:
            file.write(dedent(BREAKS.format(command=command, code=code)))

    def manifest(self) -> str:
        """What a registry keeps of the image: an index for two processors, whose digest is the version's."""
        mark = hashlib.sha256(self.name.encode()).hexdigest()
        images = [
            {
                "mediaType": MANIFEST,
                "size": 7,
                "digest": f"sha256:{mark}",
                "platform": {"architecture": each, "os": "linux"},
            }
            for each in ("arm64", "amd64")
        ]
        return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": images})


def copy_of_this(folder: Path, name: str) -> Checkout:
    """Of the working tree as it is, without what can be made again."""
    into = folder / name
    into.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, into / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, into / part)
    return Checkout(name, into)
