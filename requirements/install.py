"""Makes .venv and puts a hashed lock file into it; the Makefile calls it with the user's own Python.

What pins other versions than ours has an environment of its own beside it; it may touch these and nothing else. It
must start under any Python 3, however old, because its first promise is a clear sentence to somebody whose Python is
too old; hence no syntax here that is younger than that.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

OLDEST = (3, 11)
NAMES_OF_NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")
ROOT = Path(__file__).resolve().parent.parent
# Lock files whose packages would not go together with ours.
ALONE = ("rehearsal", "checkov", "peers")
# Lock files that leave out what one of their packages asks for and we have no use of; pip would fetch or miss it.
WITHOUT_DEPENDENCIES = ("page", "peers")


def environment_of(lock_name: str) -> Path:
    return ROOT / (".venv-" + lock_name if lock_name in ALONE else ".venv")


def complain_about_python() -> "str | None":
    """The reason why the running Python cannot be used, or None."""
    if sys.version_info[:2] < OLDEST:
        found = [name for name in NAMES_OF_NEWER if shutil.which(name)]
        here = ".".join(str(part) for part in sys.version_info[:3])
        remedy = "run make again with PYTHON=" + (found[0] if found else "the path of a newer one")
        return "Holdfast needs Python 3.11 or newer and " + sys.executable + " is " + here + ": " + remedy
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        versioned = "python" + str(sys.version_info[0]) + "." + str(sys.version_info[1]) + "-venv"
        return (
            sys.executable + " cannot make a virtual environment, because its ensurepip is missing. "
            "On Debian and Ubuntu: apt install python3-venv (or " + versioned + ")"
        )
    return None


def make_environment(folder: Path) -> "str | None":
    """Makes it with the running Python, or says why that is impossible; one that is whole is kept as it is.

    It is kept whichever Python calls, so that PYTHON has to be named once only. To change it: make clean.
    """
    version = version_of(folder / "bin" / "python")
    if version is not None and version >= OLDEST:
        return None
    complaint = complain_about_python()
    if complaint is None:
        print("making " + folder.name, flush=True)
        venv.create(str(folder), clear=True, with_pip=True, symlinks=os.name != "nt")
    return complaint


def version_of(interpreter: Path) -> "tuple[int, ...] | None":
    """None if the environment is not there, or was left half made (it has a Python and no pip)."""
    asked = "import sys, pip; print(sys.version_info[0], sys.version_info[1])"
    try:
        answer = subprocess.run(
            [str(interpreter), "-c", asked], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return tuple(int(word) for word in answer.stdout.split())


def main(lock_name: str) -> int:
    folder = environment_of(lock_name)
    complaint = make_environment(folder)
    if complaint is not None:
        print(complaint, file=sys.stderr)
        return 1
    print("installing requirements/" + lock_name + ".txt (the first time takes about a minute)", flush=True)
    lock = ROOT / "requirements" / (lock_name + ".txt")
    pip = [
        str(folder / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "-qq",
        "--disable-pip-version-check",
        "--no-input",
    ]
    if lock_name in WITHOUT_DEPENDENCIES:
        pip.append("--no-deps")
    # Hashes and wheels only: what was locked is what is installed, and no package's code runs meanwhile.
    done = subprocess.run([*pip, "--only-binary=:all:", "--require-hashes", "-r", str(lock)], check=False)
    if done.returncode:
        print("pip could not install " + str(lock) + "; what it said stands above", file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
