"""Intents of exits that leave while PostgreSQL is away: a line each, on the disk before the order is sent.

Each holder of the lease writes a file of its own, named by its epoch, so nothing needs to be locked: whoever comes next
reads what all before it left, even where one of them is frozen and alive. That one may add a line when it wakes; it can
send nothing any more.
"""

import json
import os
import zlib
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from runtime import errors, logs
from runtime.domain.identity import BotId, ClientOrderId, OrderId
from runtime.domain.order import Intent, Kind, Side
from runtime.spool.folder import told

SUFFIX = ".exits"


@dataclass(slots=True)
class Exits:
    folder: Path
    epoch: int
    may_leave: bool  # False: what left under another setting is only brought back
    left: set[tuple[BotId, str]] = field(default_factory=set)  # since PostgreSQL went away

    def keep(self, intent: Intent) -> None:
        """On the disk when it returns. If it raises, the order may not be sent, nor another of its bot and symbol."""
        self.left.add((intent.bot_id, intent.symbol))
        body = json.dumps(asdict(intent), default=str).encode()
        with told(self.folder):
            if not self.folder.is_dir():
                self.folder.mkdir(parents=True)
                _sync_names(self.folder.parent)
            _append(self.folder / f"{self.epoch}{SUFFIX}", b"%08x %b\n" % (zlib.crc32(body), body))
            _sync_names(self.folder)

    def waiting(self) -> list[Intent]:
        """Oldest first: what the ledger may not know yet."""
        with told(self.folder):
            lines = [line for path in self._files() for line in path.read_bytes().splitlines(keepends=True)]
        return [intent for line in lines if (intent := _parse(line)) is not None]

    def forget(self) -> None:
        """Everything that waited is in the ledger."""
        with told(self.folder):
            for path in self._files():
                path.unlink()
        self.left.clear()

    def _files(self) -> list[Path]:
        found = [each for each in self.folder.glob(f"*{SUFFIX}") if each.stem.isdecimal()]
        return sorted(found, key=lambda each: int(each.stem))


def _append(path: Path, line: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        done = os.write(fd, line)
        if done < len(line):
            raise errors.SpoolUnusable(
                folder=path.parent, detail="a line was written in part", remedy="Make room on its disk."
            )
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_names(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _parse(line: bytes) -> Intent | None:
    """None for a line that was never whole, and so never stood for an order that was sent, and for a damaged one."""
    digest, _, body = line.removesuffix(b"\n").partition(b" ")
    if digest != b"%08x" % zlib.crc32(body):
        # If its order left all the same, reconciliation finds one that looks like ours and sets it aside.
        logs.error("an exit in the spool cannot be read", bytes=len(line))
        return None
    facts = json.loads(body)
    return Intent(
        order_id=OrderId(UUID(facts["order_id"])),
        bot_id=BotId(UUID(facts["bot_id"])),
        client_order_id=ClientOrderId(facts["client_order_id"]),
        key=facts["key"],
        symbol=facts["symbol"],
        side=Side(facts["side"]),
        kind=Kind(facts["kind"]),
        quantity=Decimal(facts["quantity"]),
        price=None if facts["price"] is None else Decimal(facts["price"]),
        reduce_only=facts["reduce_only"],
        created_at=datetime.fromisoformat(facts["created_at"]),
        send_before=datetime.fromisoformat(facts["send_before"]),
        reason=facts["reason"],
    )
