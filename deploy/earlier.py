"""The templates of an earlier state, to compare with: a folder of them, or a git ref that is synthesised aside.

It reads this repository, writes a temporary folder, and starts git and that state's own app.py with our packages. The
checkout is not touched.
"""

import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy import errors

ROOT = Path(__file__).resolve().parents[1]
# All that synthesis reads.
SOURCES = ("app.py", "cdk.json", "stacks")
SECONDS_MAX = 300


@contextmanager
def templates_of(against: str, stage: str) -> Iterator[Path]:
    """A folder of templates while it is entered: the one that `against` names, or that of a tag, a branch, a commit."""
    folder = Path(against)
    if folder.is_dir():
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="holdfast-earlier-") as aside:
        archive = _run(["git", "archive", "--format=tar", against, "--", *SOURCES], ROOT, what=against)
        with tarfile.open(fileobj=io.BytesIO(archive)) as sources:
            sources.extractall(aside, filter="data")
        context = json.dumps({"stage": stage})
        settings = ["CDK_OUTDIR=out", f"CDK_CONTEXT_JSON={context}", "CDK_VALIDATION=false"]
        _run(["env", *settings, sys.executable, "app.py"], Path(aside), what=against)
        yield Path(aside, "out")


def _run(command: list[str], folder: Path, *, what: str) -> bytes:
    # A ref never begins with a dash; what does would be an option of git.
    done = (
        None
        if what.startswith("-")
        else subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=SECONDS_MAX)
    )
    if done is None or done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] if done else []
        detail = (
            f"{what!r:.60} is no folder and no state of this repository that has templates. {' '.join(last)}"
        )
        raise errors.BadUsage(detail=detail.strip())
    return done.stdout
