"""What the image holds, without a builder: the locked packages pruned by docker/prune.py, and the sources, read-only.

The packages are those of the test environment, which the same lock installed; they are copied file by file as their
own records list them. The program is run as a user who may write none of it.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from tests.docker.recipe import ROOT

STRANGER = 1000
SOURCES = ("alembic.ini", "migrations", "runtime")
LOCKED = re.compile(r"^([\w.-]+==[^\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Bundle:
    """`root` stands for the image's root: packages, the program, and one folder that may be written."""

    root: Path
    python: str

    @property
    def data_dir(self) -> Path:
        return self.root / "data"

    def start(
        self, *command: str, environ: Mapping[str, str], module: str = "runtime"
    ) -> subprocess.Popen[str]:
        """As the image's entry point starts it: no packages but these (-S), no environment but the task's."""
        given = {
            "PATH": "/usr/bin:/bin",
            "HOME": "/",
            "PYTHONPATH": str(self.root / "packages"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "HOLDFAST_DATA_DIR": str(self.data_dir),
            **environ,
        }
        return subprocess.Popen(
            [self.python, "-S", "-m", module, *command],
            cwd=self.root / "program",
            env=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            user=STRANGER if os.geteuid() == 0 else None,
            group=STRANGER if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
        )

    def run(self, *command: str, environ: Mapping[str, str], module: str = "runtime") -> tuple[int, str]:
        process = self.start(*command, environ=environ, module=module)
        said, _ = process.communicate(timeout=90)
        return process.returncode, said


def make_bundle(root: Path) -> Bundle:
    packages, program = root / "packages", root / "program"
    for source, target in _files_of_lock():
        (packages / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, packages / target)
    pruned = subprocess.run(
        [sys.executable, ROOT / "docker" / "prune.py", packages],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert pruned.returncode == 0, pruned.stdout + pruned.stderr
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        program.mkdir(exist_ok=True)
        copy(ROOT / name, program / name)
    for each in (root, *program.rglob("*"), program):
        each.chmod(0o555 if each.is_dir() else 0o444)
    for each in (packages, *packages.rglob("*")):
        each.chmod(each.stat().st_mode & 0o555 | 0o444)
    root.chmod(0o755)
    (root / "data").mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(root / "data", STRANGER, STRANGER)
    root.chmod(0o555)
    return Bundle(root, _python())


def _files_of_lock() -> Iterator[tuple[Path, str]]:
    """Where a file is, and where `pip install --target` would put it."""
    locks = [(ROOT / "requirements" / f"{name}.txt").read_text() for name in ("runtime", "page")]
    for each in map(Requirement, LOCKED.findall("\n".join(locks))):
        if each.marker and not each.marker.evaluate():
            continue
        distribution = importlib.metadata.distribution(each.name)
        for file in distribution.files or ():
            if "__pycache__" not in file.parts:
                target = f"bin/{file.name}" if file.parts[0] == ".." else str(file)
                yield Path(str(distribution.locate_file(file))), target


def _python() -> str:
    """The interpreter under the test's own, or another of its version, whichever the stranger can reach."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [
        os.path.realpath(sys.executable),
        f"/usr/bin/python{version}",
        f"/usr/local/bin/python{version}",
    ]
    return next((each for each in candidates if _starts(each)), candidates[0])


def _starts(python: str) -> bool:
    try:
        done = subprocess.run(
            [python, "-c", ""],
            check=False,
            capture_output=True,
            cwd="/",
            user=STRANGER if os.geteuid() == 0 else None,
            timeout=20,
        )
    except OSError:
        return False
    return done.returncode == 0
