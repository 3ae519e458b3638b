"""The first sentence that a newcomer may meet: whose Python will not do is told so, and told what to do."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.sources import ROOT

RUN_AS_IF = """\
import runpy, sys
sys.argv[1:] = ["runtime"]
{preparation}
runpy.run_path({script!r}, run_name="__main__")
"""


@pytest.mark.parametrize(
    ("preparation", "sentence"),
    [
        ("sys.version_info = (3, 9, 6)", "needs Python 3.11 or newer"),
        ("sys.modules['ensurepip'] = None", "apt install python3-venv"),
    ],
    ids=["too-old", "without-ensurepip"],
)
def test_install__says_why_this_python_will_not_do(tmp_path: Path, preparation: str, sentence: str) -> None:
    script = tmp_path / "requirements" / "install.py"
    script.parent.mkdir()
    shutil.copy(ROOT / "requirements" / "install.py", script)
    program = RUN_AS_IF.format(preparation=preparation, script=str(script))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / ".venv").exists()
