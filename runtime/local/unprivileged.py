"""Lets PostgreSQL, which refuses to run as root, run for root all the same, and ties a child to its parent's life.
It acts only inside a freshly forked child; no user is created and no folder above ours is opened up."""

import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
IS_LINUX = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Plain:
    """An ordinary user: nothing to do."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A user namespace in which our own uid is called by another name: files stay ours, and 0700 stays 0700."""

    uid: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """Where namespaces are forbidden: the child becomes another user, who must be able to reach the folder."""

    uid: int
    gid: int


Identity = Plain | Mapped | Dropped


def choose_identity(folder: Path) -> Identity:
    """How a server on this folder must run; call it while the process has one thread, for it forks to try."""
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        return Dropped(owner.st_uid, owner.st_gid)
    if os.geteuid() != 0 and _has_a_name(os.geteuid()):
        return Plain()
    nobody = _nobody()
    if IS_LINUX and _may_map(nobody.pw_uid):
        return Mapped(nobody.pw_uid)
    return Dropped(nobody.pw_uid, nobody.pw_gid) if os.geteuid() == 0 else Plain()


def before_exec(identity: Identity, *, parent_death_signal: int = 0) -> Callable[[], None]:
    """What the child does between fork and exec. The parent must fork it from the main thread: Linux sends the death
    signal when the forking *thread* ends."""
    parent = os.getpid()

    def enter() -> None:
        if isinstance(identity, Mapped):
            _enter_namespace(identity.uid)
        elif isinstance(identity, Dropped):
            os.setgroups([])
            os.setgid(identity.gid)
            os.setuid(identity.uid)
        # A change of user clears the death signal, so it is asked for last.
        if parent_death_signal and IS_LINUX:
            _LIBC.prctl(PR_SET_PDEATHSIG, parent_death_signal)
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)

    return enter


def hand_over(path: Path, identity: Identity) -> None:
    """Give a file or folder to the user that the server will be."""
    if isinstance(identity, Dropped) and os.geteuid() == 0:
        os.chown(path, identity.uid, identity.gid)


def _enter_namespace(uid: int) -> None:
    outside_uid, outside_gid = os.geteuid(), os.getegid()
    if _LIBC.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outside_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{uid} {outside_gid} 1")


def _may_map(uid: int) -> bool:
    child = os.fork()
    if child == 0:
        try:
            _enter_namespace(uid)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _has_a_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _nobody() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        return next(entry for entry in pwd.getpwall() if entry.pw_uid != 0)


# Loaded once in the parent: between fork and exec nothing may be imported or searched for.
_LIBC = ctypes.CDLL(None, use_errno=True)
