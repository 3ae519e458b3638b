"""Tells CloudWatch that the API lives: it asks the database, counts an answer as a heartbeat, and writes lines.

A process that answers requests and has no database is as good as none to whoever looks, so only this is a heartbeat.
It runs in a thread of its own and never stands in the way of a request.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from runtime import errors, logs
from runtime.store.pool import Store
from runtime.telemetry import table
from runtime.telemetry.emf import Writer
from runtime.telemetry.meters import Meters

ASK_SECONDS = 10.0
LEAVE_SECONDS = 5.0
# The only metrics of ours that an alarm of the API stands on; the rest can be searched for, and costs nothing.
SENT = (table.HEARTBEAT, table.API_FAULTS)


@contextmanager
def told(store: Store, meters: Meters, writer: Writer, every_seconds: float) -> Iterator[None]:
    """While it is entered, and once more at its end."""
    leaving = threading.Event()

    def work() -> None:
        while True:
            _ask(store, meters)
            is_last = leaving.wait(min(ASK_SECONDS, every_seconds))
            if is_last or writer.is_due:
                writer.flush()
            if is_last:
                return

    thread = threading.Thread(target=work, name="teller", daemon=True)
    thread.start()
    try:
        yield
    finally:
        leaving.set()
        thread.join(LEAVE_SECONDS)


def _ask(store: Store, meters: Meters) -> None:
    try:
        with store.snapshot("see whether the database answers"):
            meters.count(table.HEARTBEAT)
    except errors.BotError as fault:
        logs.warning("the database does not answer", detail=str(fault))
