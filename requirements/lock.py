"""Writes requirements/runtime.txt and test.txt from pyproject.toml: exact versions, hashes, every platform.

It uses `uv` in a throw-away environment, because pip cannot resolve for platforms it is not running on. It
promises that the files name no registry and no local path, so that a mirror serves as well as the public
index. `--upgrade` moves every version to the newest allowed; without it only what must change changes.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PROJECT = FOLDER.parent / "pyproject.toml"
OLDEST_PYTHON = "3.11"
COMPILE = (
    f"pip compile {PROJECT.name} --quiet --universal --python-version {OLDEST_PYTHON} --generate-hashes "
    "--no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-config"
).split()


def compile_lock(uv: Path, lock: Path, extra: list[str]) -> None:
    target = str(lock.relative_to(PROJECT.parent))
    subprocess.run([str(uv), *COMPILE, *extra, "-o", target], cwd=PROJECT.parent, check=True)
    for number, line in enumerate(lock.read_text().splitlines(), start=1):
        if "://" in line or " @ " in line or line.startswith("-"):
            raise SystemExit(f"{lock.name}:{number} names a place, which a lock file here must not: {line}")


def main(arguments: list[str]) -> None:
    upgrade = ["--upgrade"] if "--upgrade" in arguments else []
    with tempfile.TemporaryDirectory(prefix="holdfast-lock-") as folder:
        venv.create(folder, with_pip=True)
        subprocess.run([f"{folder}/bin/python", "-m", "pip", "install", "-qq", "uv"], check=True)
        uv = Path(folder, "bin", "uv")
        runtime, test = FOLDER / "runtime.txt", FOLDER / "test.txt"
        compile_lock(uv, runtime, upgrade)
        # Constrained by the runtime's file, so that the tests run what the bots run.
        compile_lock(uv, test, [*upgrade, "--group", "test", "-c", str(runtime.relative_to(PROJECT.parent))])


if __name__ == "__main__":
    main(sys.argv[1:])
