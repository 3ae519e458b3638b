"""The program itself: it synthesises in another process, without credentials and without the machine's Node."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.stacks.rig import ROOT, templates

SECONDS_MAX = 60
# Where jsii keeps what it has unpacked, for whoever has a home.
UNPACKED = Path.home() / ".cache" / "aws" / "jsii" / "package-cache"


def synthesise(folder: Path, *, stage: str) -> subprocess.CompletedProcess[str]:
    """With nothing in the environment but where to write, and which stage: no path to a Node, no account, no home."""
    environment = {
        "CDK_OUTDIR": str(folder / "out"),
        "CDK_CONTEXT_JSON": json.dumps({"stage": stage}),
        "CDK_VALIDATION": "false",
        "HOME": str(folder),
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        # Unpacking CDK anew, 218 MB, takes longer than all that is looked at here.
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(UNPACKED),
    }
    return subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
    )


def test_app__synthesises_offline_what_the_tests_look_at(tmp_path: Path) -> None:
    started = time.monotonic()
    done = synthesise(tmp_path, stage="prod")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - started < SECONDS_MAX
    for name, template in templates("prod").items():
        assert json.loads((tmp_path / "out" / f"{name}.template.json").read_text("utf-8")) == template


def test_app__says_what_is_wrong_with_a_stage(tmp_path: Path) -> None:
    done = synthesise(tmp_path, stage="moon")
    assert done.returncode == 1
    assert "there is no stage 'moon'" in done.stderr
