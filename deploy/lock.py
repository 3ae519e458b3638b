"""One deployer at a time: an object in the stage's bucket that only one can write, by S3's conditional put.

It names its owner and purpose, ends by itself when nobody renews it, and is written over, never deleted: the bucket
keeps its versions, and they tell who deployed when. Every take-over shows the version that it saw.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from deploy.buckets import GONE
from deploy.clock import Clock
from deploy.cloud import Cloud
from deploy.errors import AwsRefused, Locked, LockLost

KEY = "lock.json"
TTL_SECONDS, RENEW_SECONDS = 300, 60
TAKEN = frozenset("PreconditionFailed ConditionalRequestConflict 412 409".split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the object says. `version` is S3's mark of what was read, and no part of the text."""

    owner: str
    purpose: str
    since: datetime
    until: datetime
    released: bool = False
    version: str = ""

    def is_free(self, now: datetime) -> bool:
        return self.released or now >= self.until


def render(held: Held) -> bytes:
    fields = {name: value for name, value in asdict(held).items() if name != "version"}
    return json.dumps(fields, default=lambda at: at.isoformat()).encode()


def parse(answer: Mapping[str, Any]) -> Held:
    fields = json.loads(answer["Body"])
    times = {name: datetime.fromisoformat(fields[name]) for name in ("since", "until")}
    return Held(**{**fields, **times}, version=str(answer["ETag"]))


def fetch(cloud: Cloud, bucket: str) -> Held | None:
    try:
        return parse(cloud.call("s3", "GetObject", Bucket=bucket, Key=KEY))
    except AwsRefused as fault:
        if fault.code in GONE:
            return None
        raise


class Lock:
    """Held from `acquire` to `release`. Who waits calls `renew_if_due`, and learns there that it was lost."""

    def __init__(self, cloud: Cloud, clock: Clock, *, stage: str, bucket: str, held: Held) -> None:
        self._cloud = cloud
        self._clock = clock
        self._stage = stage
        self._bucket = bucket
        self._held = held

    @property
    def owner(self) -> str:
        return self._held.owner

    def renew_if_due(self) -> None:
        left = (self._held.until - self._clock.now()).total_seconds()
        if left <= TTL_SECONDS - RENEW_SECONDS:
            self._write(until=self._clock.now() + timedelta(seconds=TTL_SECONDS))

    def release(self) -> None:
        self._write(until=self._clock.now(), released=True)

    def _write(self, *, until: datetime, released: bool = False) -> None:
        wanted = replace(self._held, until=until, released=released)
        try:
            self._held = _put(self._cloud, self._bucket, wanted, over=self._held)
        except AwsRefused as fault:
            if fault.code not in TAKEN:
                raise
            found = fetch(self._cloud, self._bucket)
            if found is not None and render(found) == render(wanted):
                # The answer to our own put was lost, and the put was tried again.
                self._held = found
                return
            raise LockLost(stage=self._stage, owner=found.owner if found else "nobody") from fault


def acquire(cloud: Cloud, clock: Clock, *, stage: str, bucket: str, owner: str, purpose: str) -> Lock:
    now = clock.now()
    wanted = Held(owner=owner, purpose=purpose, since=now, until=now + timedelta(seconds=TTL_SECONDS))
    found = fetch(cloud, bucket)
    if found is not None and not found.is_free(now):
        raise _locked(stage, found)
    try:
        held = _put(cloud, bucket, wanted, over=found)
    except AwsRefused as fault:
        if fault.code not in TAKEN:
            raise
        winner = fetch(cloud, bucket)
        if winner is None or render(winner) != render(wanted):
            raise _locked(stage, winner or wanted) from fault
        held = winner
    return Lock(cloud, clock, stage=stage, bucket=bucket, held=held)


def break_glass(cloud: Cloud, clock: Clock, *, bucket: str, owner: str, purpose: str) -> Held | None:
    """End whatever lock there is, in our name; who held it stops at its next renewal. Gives back what was broken."""
    found = fetch(cloud, bucket)
    if found is None or found.is_free(clock.now()):
        return None
    now = clock.now()
    ended = Held(owner=owner, purpose=purpose, since=now, until=now, released=True)
    _put(cloud, bucket, ended, over=found)
    return found


def _put(cloud: Cloud, bucket: str, wanted: Held, *, over: Held | None) -> Held:
    condition = {"IfMatch": over.version} if over else {"IfNoneMatch": "*"}
    answer = cloud.call(
        "s3",
        "PutObject",
        Bucket=bucket,
        Key=KEY,
        Body=render(wanted),
        ContentType="application/json",
        **condition,
    )
    return replace(wanted, version=str(answer["ETag"]))


def _locked(stage: str, held: Held) -> Locked:
    return Locked(
        stage=stage, owner=held.owner, purpose=held.purpose, until=held.until.isoformat(timespec="seconds")
    )
