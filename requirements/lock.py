"""Writes the lock files beside it from pyproject.toml: exact versions, hashes, every platform.

It uses `uv` in a throw-away environment, because pip cannot resolve for platforms it is not running on. It
promises that the files name no registry and no local path, and that every platform finds wheels for all of it.
`--upgrade` moves every version to the newest allowed; without it only what must change changes.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = "3.11"
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "x86_64-apple-darwin", "aarch64-apple-darwin")
PYTHONS = (OLDEST_PYTHON, "3.12", "3.13", "3.14")
QUIET = ["--quiet", "--no-config", "--no-header", "--no-annotate"]
PLACELESS = ["--no-emit-index-url", "--no-emit-find-links"]
COMPLETE = ["--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes"]
ONLY_WHEELS = ["--only-binary", ":all:"]
CONSTRAINTS = ["-c", "requirements/constraints.txt"]


def run_uv(uv: Path, *arguments: str) -> None:
    subprocess.run(
        [str(uv), "pip", "compile", *QUIET, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
    )


def write_lock(uv: Path, lock: str, *what: str) -> None:
    run_uv(uv, *COMPLETE, *PLACELESS, *CONSTRAINTS, *what, "-o", lock)
    for number, line in enumerate((ROOT / lock).read_text().splitlines(), start=1):
        if "://" in line or " @ " in line or line.startswith("-"):
            raise SystemExit(f"{lock}:{number} names a place, which a lock file here must not: {line}")


def require_wheels(uv: Path, lock: str, *how: str) -> None:
    """Fails with uv's own sentence where a platform would have to build something from its source."""
    for platform in PLATFORMS:
        for python in PYTHONS:
            print(f"looking for wheels: {platform}, Python {python}", flush=True)
            run_uv(uv, lock, *how, "--python-platform", platform, "--python-version", python, *ONLY_WHEELS)


def main(arguments: list[str]) -> None:
    upgrade = ["--upgrade"] if "--upgrade" in arguments else []
    with tempfile.TemporaryDirectory(prefix="holdfast-lock-") as folder:
        venv.create(folder, with_pip=True)
        subprocess.run([f"{folder}/bin/python", "-m", "pip", "install", "-qq", "uv"], check=True)
        uv = Path(folder, "bin", "uv")
        project = ("pyproject.toml", *upgrade)
        write_lock(uv, "requirements/runtime.txt", *project)
        # Constrained by the runtime's file, so that the tests run what the bots run.
        write_lock(uv, "requirements/test.txt", *project, "--group", "test", "-c", "requirements/runtime.txt")
        # The group alone, installed beside the other: synthesis needs nothing that trades.
        write_lock(uv, "requirements/cloud.txt", *upgrade, "--group", "cloud", "-c", "requirements/test.txt")
        write_lock(
            uv, "requirements/parquet.txt", *upgrade, "--group", "parquet", "-c", "requirements/test.txt"
        )
        # Only its files are served; what its Python would import is not wanted.
        write_lock(uv, "requirements/page.txt", *upgrade, "--group", "page", "--no-deps")
        # In an environment of its own, so constrained by nothing of ours.
        for alone in ("rehearsal", "checkov"):
            write_lock(uv, f"requirements/{alone}.txt", *upgrade, "--group", alone)
        less = ("--overrides", "requirements/overrides-peers.txt")
        write_lock(uv, "requirements/peers.txt", *upgrade, "--group", "peers", *less)
        for lock in ("test", "cloud", "rehearsal", "checkov"):
            require_wheels(uv, f"requirements/{lock}.txt")
        require_wheels(uv, "requirements/peers.txt", "--no-deps")


if __name__ == "__main__":
    main(sys.argv[1:])
