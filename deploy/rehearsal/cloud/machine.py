"""This machine as a host of tasks: what it gives to a container instead of Fargate, all of it here."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.rehearsal.cloud.credentials import Credentials
from deploy.rehearsal.cloud.images import Images
from deploy.rehearsal.cloud.neighbours import Neighbours
from deploy.rehearsal.cloud.pace import Pace
from deploy.rehearsal.warden import Warden

# docker/Dockerfile's ENTRYPOINT; a definition gives the words that follow it.
ENTRY_POINT = ("python", "-m", "runtime")
AUTHORITIES = "/etc/holdfast/rds-ca.pem"
# What every process of an image has, whatever its definition says.
LOCALE = "C.UTF-8"
DATABASE = re.compile(r"(\.rds\.amazonaws\.com:\d+/\w+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    folder: Path
    python: Path
    authority: Path
    programs: Path
    images: Images
    neighbours: Neighbours
    credentials: Credentials
    warden: Warden
    pace: Pace

    @property
    def path(self) -> str:
        return f"{self.programs}:{os.defpath}"

    def around(self, home: Path) -> dict[str, str]:
        """What every container has from its image and from ECS."""
        return {
            "PATH": self.path,
            "LANG": LOCALE,
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(home),
            "AWS_REGION": self.neighbours.region,
            "AWS_DEFAULT_REGION": self.neighbours.region,
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
            "AWS_EC2_METADATA_DISABLED": "true",
            # Instead of AWS's own addresses.
            "AWS_ENDPOINT_URL": self.neighbours.endpoint,
        }

    def folders(
        self, document: Mapping[str, Any], container: Mapping[str, Any], home: Path
    ) -> dict[str, str]:
        """Where the paths of a container are here: a volume is the task's own, or lasts where it is one of EFS."""
        volumes = {each["name"]: self._volume(each, home) for each in document.get("volumes", [])}
        mounted = {
            each["containerPath"]: str(volumes[each["sourceVolume"]])
            for each in container.get("mountPoints", [])
        }
        for folder in mounted.values():
            Path(folder).mkdir(parents=True, exist_ok=True)
        return {AUTHORITIES: str(self.authority), **mounted}

    def _volume(self, volume: Mapping[str, Any], home: Path) -> Path:
        lasting = volume.get("efsVolumeConfiguration")
        if lasting is None:
            return home / str(volume["name"])
        point = lasting.get("authorizationConfig", {}).get("accessPointId", "root")
        return self.folder / "efs" / str(lasting["fileSystemId"]) / str(point).rpartition("/")[2]

    def command(self, words: list[str]) -> list[str]:
        """The image's `python` is the checkout's; any other program has to be one of this machine."""
        if words[0] == "python":
            return [str(self.python), *words[1:]]
        found = shutil.which(words[0], path=self.path)
        if found is None:
            raise FileNotFoundError(f"the image has no program {words[0]!r}")
        return [found, *words[1:]]


def translated(text: str, folders: Mapping[str, str]) -> str:
    """A text in which every path of the image that is one of `folders` stands as it is here; in one pass.

    The address of a database also says where it is, since no name server knows it. Its name stays: certificate and
    tokens are for that.
    """
    text = DATABASE.sub(r"\1?hostaddr=127.0.0.1", text)
    paths = "|".join(re.escape(path) for path in folders)
    return re.sub(rf"(?<![\w./-])({paths})(?=/|$)", lambda found: folders[found[1]], text)
