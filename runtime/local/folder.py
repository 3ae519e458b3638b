"""The layout of the embedded server's folder, its two locks, and what postmaster.pid in it says. It creates the folder
and a short one for the socket, refuses any that holds something else, and never touches what is not ours.

    DATA_DIR/            0700
      users.lock         every process that uses the server holds it shared; also the mark that the folder is ours
      keeper.lock        the one keeper holds it exclusively and writes its pid into it
      cluster/           PostgreSQL's own data directory
      server.log keeper.log
"""

import errno
import fcntl
import json
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runtime import errors
from runtime.local import processes

PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}"
# macOS allows 104 bytes with the closing zero, Linux 108: the smaller one holds everywhere.
SOCKET_PATH_BYTES_MAX = 103
IGNORED = frozenset({".DS_Store", ".gitignore", ".gitkeep", "lost+found"})


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What postmaster.pid says; only a live server of this very folder is ever reported."""

    pid: int
    socket_dir: Path
    condition: str

    @property
    def is_ready(self) -> bool:
        return self.condition == "ready"


@dataclass(frozen=True, slots=True)
class Folder:
    root: Path

    @property
    def cluster(self) -> Path:
        return self.root / "cluster"

    @property
    def users_lock(self) -> Path:
        return self.root / "users.lock"

    @property
    def keeper_lock(self) -> Path:
        return self.root / "keeper.lock"

    @property
    def pid_file(self) -> Path:
        return self.cluster / "postmaster.pid"

    def find_postmaster(self) -> Postmaster | None:
        """None for no file, a half-written file, a dead or zombie pid, or a pid that now belongs to somebody else."""
        try:
            lines = self.pid_file.read_text(errors="replace").splitlines()
            pid = int(lines[0])
        except (OSError, IndexError, ValueError):
            return None
        if not processes.is_alive(pid) or not self._is_our_postgres(pid):
            return None
        condition = lines[7].strip() if len(lines) > 7 else "starting"
        return Postmaster(pid, Path(lines[4]) if len(lines) > 4 else self.root, condition)

    def _is_our_postgres(self, pid: int) -> bool:
        words = processes.command_line(pid)
        return bool(words) and Path(words[0]).name == "postgres" and str(self.cluster) in words


@contextmanager
def translated_errors(folder: Path) -> Iterator[None]:
    """Full disks and forbidden folders become the errors that say what to do."""
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise errors.DiskFull(folder=folder) from exc
        if exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            remedy = "give it to this user, or choose another data folder."
            raise errors.NoPermission(folder=exc.filename or folder, remedy=remedy) from exc
        if exc.errno in (errno.ENOTDIR, errno.EEXIST):
            raise _foreign(folder, "it is not a folder") from exc
        raise


def claim_folder(data_dir: Path) -> Folder:
    """Make the folder ours, or refuse it with nothing touched."""
    root = Path(os.path.abspath(data_dir))
    with translated_errors(root):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root = root.resolve()
        refusal = _why_foreign(root)
        if refusal:
            raise _foreign(root, refusal)
        folder = Folder(root)
        os.close(os.open(folder.users_lock, os.O_RDWR | os.O_CREAT, 0o600))
        return folder


def find_folder(data_dir: Path) -> Folder | None:
    """The folder if it is ours already; nothing is created."""
    root = Path(os.path.abspath(data_dir)).resolve()
    folder = Folder(root)
    return folder if folder.users_lock.is_file() else None


def _why_foreign(root: Path) -> str:
    names = {entry.name for entry in root.iterdir()} - IGNORED
    if not names or "users.lock" in names:
        return ""
    if "PG_VERSION" in names:
        return "it is the data directory of another PostgreSQL server"
    return f"it is not ours and not empty (it holds {sorted(names)[0]})"


def _foreign(root: Path, detail: str) -> errors.LocalServerBroken:
    return errors.LocalServerBroken(
        folder=root, detail=detail, remedy="Choose an empty or new folder; nothing in it was touched."
    )


def take_share(folder: Folder, *, seconds_max: float) -> int:
    """Count this process among the users. The descriptor is the share: closing it, or dying, gives it back."""
    fd = os.open(folder.users_lock, os.O_RDWR)

    def taken() -> bool:
        return try_lock(fd, fcntl.LOCK_SH)

    # Only a keeper that is shutting down refuses us; its server must be gone before a new one may start.
    if processes.wait_until(taken, seconds_max=seconds_max):
        return fd
    os.close(fd)
    detail = f"its server is shutting down and has not finished within {seconds_max:g} seconds"
    raise errors.LocalServerBroken(folder=folder.root, detail=detail, remedy="Try again in a moment.")


def try_lock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def find_keeper(folder: Folder) -> int | None:
    """The keeper's pid, 0 if there is one that has not written it yet, None if there is none."""
    try:
        fd = os.open(folder.keeper_lock, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        if try_lock(fd, fcntl.LOCK_SH):
            return None
        return _read_pid(fd)
    finally:
        os.close(fd)


def keeper_note(folder: Folder) -> dict[str, object]:
    """What the running keeper wrote about itself (pid, throw_away, the pid of its server)."""
    try:
        note = json.loads(folder.keeper_lock.read_text())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _read_pid(fd: int) -> int:
    try:
        note = json.loads(os.pread(fd, 4096, 0))
    except ValueError:
        return 0
    return int(note.get("pid", 0))


def make_socket_dir(folder: Folder, *, server_uid: int | None = None) -> Path:
    """A short 0700 folder of our own, or of the user that the server runs as; one that another user laid there is
    refused. A socket's whole path must fit into about a hundred bytes, which a data folder's often does not."""
    found = folder.root.stat()
    # The inode too, because two containers may share /tmp and know their data folders by the same path.
    mark = zlib.crc32(f"{found.st_dev} {found.st_ino} {folder.root}".encode(errors="surrogateescape"))
    name = f"holdfast-{os.geteuid()}-{mark:08x}"
    path = (Path("/tmp") if os.access("/tmp", os.W_OK | os.X_OK) else folder.root) / name
    if len(os.fsencode(path / SOCKET_NAME)) > SOCKET_PATH_BYTES_MAX:
        detail = "/tmp may not be written and its own path is too long for a socket"
        remedy = "Choose a data folder with a shorter path."
        raise errors.LocalServerBroken(folder=folder.root, detail=detail, remedy=remedy)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    owner = path.lstat()
    if not stat.S_ISDIR(owner.st_mode) or owner.st_uid not in (os.geteuid(), server_uid):
        detail = f"its socket folder {path} belongs to somebody else"
        raise errors.LocalServerBroken(
            folder=folder.root, detail=detail, remedy=f"Remove {path} and start again."
        )
    path.chmod(0o700)
    return path
