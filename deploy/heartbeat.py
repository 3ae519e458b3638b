"""Whether the *new* task lives: its own log shows a lease taken and a tick that went all the way round.

The log stream bears the id of the task, so that no heartbeat of the old one can be taken for it. The metric in
CloudWatch is made of the same lines, minutes later and without the id; the bake time watches its alarm.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.errors import HeartbeatMissing
from deploy.feeds import LogTail, log_tails, parse_line
from deploy.site import Site

SIGNS_SECONDS_MAX = 420
TAIL_SHOWN = 5
CONTAINER = "desk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What was seen so far. An epoch is a number of the lease, and rises with each holder."""

    epoch: int | None = None
    heartbeats: int = 0

    @property
    def missing(self) -> str:
        wanted = {"heartbeat": not self.heartbeats, "lease": self.epoch is None}
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
    return Signs(epoch=epoch, heartbeats=heartbeats)


def tail_of(site: Site, definition: Mapping[str, Any], task: str, label: str) -> LogTail:
    tails = log_tails(site, definition, task, label)
    return tails.get(CONTAINER) or next(iter(tails.values()))


def await_signs(site: Site, desk: str, tail: LogTail, *, seconds_max: int = SIGNS_SECONDS_MAX) -> Signs:
    """The lease and the first heartbeat; a heartbeat counts only together with the lease of the same task."""
    deadline = site.clock.now().timestamp() + seconds_max
    signs = read_signs(list(tail.tail), Signs())
    while signs.missing:
        signs = read_signs(tail.look(), signs)
        if not signs.missing:
            break
        if site.clock.now().timestamp() > deadline:
            shown = " | ".join(list(tail.tail)[-TAIL_SHOWN:]) or "(it said nothing)"
            raise HeartbeatMissing(desk=desk, missing=signs.missing, seconds=seconds_max, tail=shown)
        site.wait()
    return signs
