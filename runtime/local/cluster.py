"""Makes PostgreSQL's data directory and judges one that is there. It writes only below our own folder, a cluster
appears whole or not at all, and a configuration that could lose acknowledged writes is refused."""

import contextlib
import ctypes
import os
import signal
import subprocess
from pathlib import Path

from runtime import errors
from runtime.local import unprivileged
from runtime.local.binaries import Binaries
from runtime.local.folder import Folder

SUPERUSER = "holdfast_admin"
DATABASE = "holdfast"
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
# Nothing of the caller's environment reaches the server: a stray PGPORT or PGOPTIONS would change it.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
INITDB_SECONDS_MAX = 300

CONFIGURATION = """\
# Written once by Holdfast when this cluster was made; what you change here stays.
# fsync, synchronous_commit and full_page_writes are checked at every start and must be on.
fsync = on
synchronous_commit = on
full_page_writes = on
wal_level = replica
min_wal_size = 32MB
max_wal_size = 256MB
shared_buffers = 128MB
max_connections = 200
listen_addresses = ''
timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, mdy'
lc_messages = 'C'
log_line_prefix = '%m [%p] %u '
log_checkpoints = off
log_autovacuum_min_duration = -1
"""
CONFIGURATION_18 = "io_method = sync\n"
ACCESS = "# Only through the socket, whose folder only our own user can enter.\nlocal all all trust\n"
ACCESS_REPLICATION = "local replication all trust\n"


def make_cluster(folder: Folder, binaries: Binaries, identity: unprivileged.Identity) -> None:
    """initdb into a sibling, sync it once, then rename: killed at any point it leaves no half cluster."""
    import shutil  # Here, because it costs every warm start 3 ms and only a first one needs it.

    for leftover in folder.root.glob("cluster.new-*"):
        while leftover.exists():
            # An initdb whose keeper was killed a moment ago may be taking its own files away.
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(leftover)
    fresh = folder.root / f"cluster.new-{os.getpid()}"
    fresh.mkdir(mode=0o700)
    unprivileged.hand_over(fresh, identity)
    locale = ["--locale=C"]
    locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if binaries.major >= 17 else []
    arguments = ["-D", str(fresh), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "-k", "--no-sync"]
    _run(folder, identity, [str(binaries.program("initdb")), *arguments, *locale], b"")
    configuration = CONFIGURATION + (CONFIGURATION_18 if binaries.major >= 18 else "")
    (fresh / "postgresql.conf").write_text(configuration)
    (fresh / "pg_hba.conf").write_text(ACCESS + ACCESS_REPLICATION)
    # With -F: the whole tree is synced below, before anything can be acknowledged.
    single = [str(binaries.program("postgres")), "--single", "-F", "-D", str(fresh), "template1"]
    _run(folder, identity, single, f"CREATE DATABASE {DATABASE} STRATEGY file_copy\n".encode())
    _sync_tree(fresh)
    os.rename(fresh, folder.cluster)
    _sync_entry(folder.root)


def refuse_out_of_reach(folder: Folder, binaries: Binaries, identity: unprivileged.Dropped) -> None:
    """The other user must be able to run the programs from inside our folder; we open no parent folder for it."""
    try:
        answer = subprocess.run(
            [
                "/bin/sh",
                "-c",
                'cd "$1" && exec "$2" -V',
                "sh",
                str(folder.root),
                str(binaries.program("postgres")),
            ],
            capture_output=True,
            check=False,
            env=ENVIRONMENT,
            preexec_fn=unprivileged.before_exec(identity),
        )
        complaint = answer.stderr.decode(errors="replace").strip()
        reached = answer.returncode == 0
    except subprocess.SubprocessError as exc:
        reached, complaint = False, str(exc)
    if not reached:
        raise errors.LocalServerBroken(
            folder=folder.root,
            detail="PostgreSQL refuses to run as root, user namespaces are not allowed here, and user "
            f"{identity.uid} cannot run it instead ({complaint})",
            remedy="Run this as an ordinary user, or give DATABASE_URL to use a server of your own.",
        )


def refuse_unfit(folder: Folder, binaries: Binaries, identity: unprivileged.Identity) -> None:
    """Ask PostgreSQL itself what its files say, so that includes and ALTER SYSTEM count too."""
    asked = {
        name: subprocess.Popen(
            [binaries.program("postgres"), "-C", name, "-D", folder.cluster],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            preexec_fn=unprivileged.before_exec(identity),
        )
        for name in DURABLE
    }
    for name, process in asked.items():
        out, err = process.communicate()
        if process.returncode != 0:
            raise _broken(folder, err.decode(errors="replace"))
        value = out.decode().strip()
        if value == "off" or (name == "synchronous_commit" and value == "local"):
            raise errors.LocalServerBroken(
                folder=folder.root,
                detail=f"its configuration says {name} = {value}, so a crash could lose acknowledged orders",
                remedy=f"Set {name} = on in {folder.cluster / 'postgresql.conf'} (or postgresql.auto.conf).",
            )


def written_by(folder: Folder) -> int | None:
    """The major version that made the cluster; None if there is none yet."""
    try:
        text = (folder.cluster / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        if folder.cluster.exists():
            detail = "its folder `cluster` holds no PostgreSQL data"
            remedy = "Move it away or restore it from a backup; nothing in it was touched."
            raise errors.LocalServerBroken(folder=folder.root, detail=detail, remedy=remedy) from None
        return None
    if not text.isdigit():
        detail = f"its PG_VERSION is unreadable ({text[:20]!r})"
        raise errors.LocalServerBroken(folder=folder.root, detail=detail, remedy="Restore it from a backup.")
    return int(text)


def broken_by(folder: Folder, lines: list[str]) -> errors.BotError:
    """The error that the server's last words stand for."""
    return _broken(folder, "\n".join(lines))


def _run(folder: Folder, identity: unprivileged.Identity, command: list[str], statement: bytes) -> None:
    answer = subprocess.run(
        command,
        input=statement,
        capture_output=True,
        check=False,
        timeout=INITDB_SECONDS_MAX,
        cwd=folder.root,
        env=ENVIRONMENT,
        preexec_fn=unprivileged.before_exec(identity, parent_death_signal=signal.SIGTERM),
    )
    complaint = (answer.stdout + answer.stderr).decode(errors="replace")
    if answer.returncode != 0 or " ERROR: " in complaint or " FATAL: " in complaint:
        raise _broken(folder, complaint)


def _broken(folder: Folder, complaint: str) -> errors.BotError:
    if "No space left on device" in complaint or "Disk quota exceeded" in complaint:
        return errors.DiskFull(folder=folder.root)
    lines = [line for line in complaint.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line.lower()]
    # What precedes the word is the log's own prefix.
    said = (telling or lines or ["it ended without a word"])[-1]
    detail = said[max(said.find("FATAL"), said.find("PANIC"), 0) :].strip()
    remedy = (
        f"{folder.root / 'server.log'} says more; DATABASE_URL lets you use a server of your own instead."
    )
    return errors.LocalServerBroken(folder=folder.root, detail=detail, remedy=remedy)


def _sync_tree(tree: Path) -> None:
    # One syncfs replaces about 1,300 fsyncs (0.03 s against 0.1 s); elsewhere each file is synced by itself.
    if unprivileged.IS_LINUX:
        fd = os.open(tree, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).syncfs(fd) == 0:
                return
        finally:
            os.close(fd)
    for folder, _, names in os.walk(tree):
        for path in (folder, *(os.path.join(folder, name) for name in names)):
            _sync_entry(Path(path))


def _sync_entry(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
