"""Whether the *new* task lives: its own log shows a lease taken and a tick that went all the way round.

The log stream bears the id of the task, so that no heartbeat of the old one can be taken for it. The metric in
CloudWatch is made of the same lines, minutes later and without the id; the bake time watches its alarm.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from deploy.errors import HeartbeatMissing
from deploy.feeds import LogTail, log_tails, parse_line
from deploy.site import Site

SIGNS_SECONDS_MAX = 420
TAIL_SHOWN = 5
PEEKED = 200
# A desk tells of itself once a minute.
FRESH_SECONDS = 180
CONTAINER = "desk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What was seen so far. An epoch is a number of the lease, and rises with each holder; the API takes none."""

    epoch: int | None = None
    heartbeats: int = 0
    takes_lease: bool = True

    @property
    def missing(self) -> str:
        wanted = {"heartbeat": not self.heartbeats, "lease": self.takes_lease and self.epoch is None}
        return " and no ".join(name for name, lacks in wanted.items() if lacks)


def read_signs(lines: list[str], before: Signs) -> Signs:
    """Pure: what these lines add."""
    epoch, heartbeats = before.epoch, before.heartbeats
    for fields in map(parse_line, lines):
        if fields.get("event") == "lease acquired" and isinstance(fields.get("epoch"), int):
            epoch = fields["epoch"]
        beat = fields.get("Heartbeat")
        if isinstance(beat, int) and beat > 0:
            heartbeats += beat
    return Signs(epoch=epoch, heartbeats=heartbeats, takes_lease=before.takes_lease)


def tail_of(site: Site, definition: Mapping[str, Any], task: str, label: str) -> LogTail:
    tails = log_tails(site, definition, task, label)
    return tails.get(CONTAINER) or next(iter(tails.values()))


def await_signs(
    site: Site, desk: str, tail: LogTail, *, wanted: Signs | None = None, seconds_max: int = SIGNS_SECONDS_MAX
) -> Signs:
    """Of a task that has only just started: every line it says is told, until lease and heartbeat are among them."""
    begin = wanted or Signs()
    return _await(site, desk, tail, lambda before: read_signs(tail.look(), before), begin, seconds_max)


def await_standing(
    site: Site, desk: str, tail: LogTail, *, wanted: Signs | None = None, seconds_max: int = SIGNS_SECONDS_MAX
) -> Signs:
    """Of a task that ran before we came, whose log may be of days: the lease at its head, a heartbeat of just now."""

    begin = wanted or Signs()

    def look(_: Signs) -> Signs:
        since = (site.clock.now().timestamp() - FRESH_SECONDS) * 1000
        head = [each["message"] for each in tail.peek(from_head=True, limit=PEEKED)]
        end = [each for each in tail.peek(from_head=False, limit=PEEKED) if each["timestamp"] >= since]
        lease = read_signs(head, begin)
        return read_signs([each["message"] for each in end], replace(begin, epoch=lease.epoch))

    return _await(site, desk, tail, look, begin, seconds_max)


def _await(
    site: Site, desk: str, tail: LogTail, look: Callable[[Signs], Signs], signs: Signs, seconds_max: int
) -> Signs:
    deadline = site.clock.now().timestamp() + seconds_max
    while (signs := look(signs)).missing:
        if site.clock.now().timestamp() > deadline:
            shown = " | ".join(list(tail.tail)[-TAIL_SHOWN:]) or "(nothing that was read)"
            raise HeartbeatMissing(desk=desk, missing=signs.missing, seconds=seconds_max, tail=shown)
        site.wait()
    return signs
