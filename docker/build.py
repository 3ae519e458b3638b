"""Builds the image with whatever builder this machine has: docker, podman or buildah, in this order.

`make image` calls it. It pushes nothing and needs no credentials; the tag is local, since a deploy names an image by
its digest. Where no builder works it says what was tried.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = "docker/Dockerfile"
# Builder -> the command by which it shows that it can work, and the one that builds.
BUILDERS = {
    "docker": (("docker", "info"), ("docker", "build")),
    "podman": (("podman", "info"), ("podman", "build")),
    "buildah": (("buildah", "info"), ("buildah", "bud")),
}
PLATFORMS = {"arm64": "linux/arm64", "amd64": "linux/amd64"}


def usable() -> Iterator[tuple[str, ...]]:
    for name, (probe, build) in BUILDERS.items():
        if shutil.which(name) and subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            yield build


def main(arguments: list[str]) -> int:
    tag, architecture = (*arguments, "", "")[:2]
    build = next(usable(), None)
    if build is None:
        tried = ", ".join(
            f"{name} ({'no daemon' if shutil.which(name) else 'not here'})" for name in BUILDERS
        )
        print(f"there is nothing here that could build an image; tried {tried}", file=sys.stderr)
        return 1
    platform = ("--platform", PLATFORMS[architecture]) if architecture else ()
    command = [*build, *platform, "--file", DOCKERFILE, "--tag", tag or "holdfast:local", "."]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
