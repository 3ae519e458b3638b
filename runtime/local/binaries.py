"""Which PostgreSQL programs are used: a folder and the version found in it. A plain value, apart from the finder, so
that the keeper starts without what only searching needs."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Binaries:
    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def program(self, name: str) -> Path:
        return self.folder / name
