"""The ledger of releases: a receipt for every deploy, rollback and failure, appended to the stage's bucket.

A receipt is written once, by a conditional put, and never changed. The newest that says what runs is the release
that a rollback goes back to.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any

from deploy.cloud import Cloud
from deploy.errors import AwsRefused

FOLDER = "releases/"
READ_MAX = 50

# What a receipt may say of its deploy. After the first two, what it names runs; after the last, nothing is left.
DEPLOYED, ROLLED_BACK, FAILED, STOPPED, DESTROYED = (
    "deployed",
    "rolled-back",
    "failed",
    "stopped",
    "destroyed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """`digest` is what runs after it, `wanted` what was asked for; they differ after a rollback.

    `schema` is the database's head, `program` the head that the running image was made for, and `oldest_program` the
    oldest that the schema suits: a rollback must not go below it.
    """

    id: str
    at: datetime
    outcome: str
    digest: str
    wanted: str
    schema: str
    program: str = ""
    oldest_program: str = ""
    desks: Mapping[str, int] = field(default_factory=dict)
    who: str = ""
    seconds: int = 0
    reason: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{FOLDER}{self.at:%Y%m%dT%H%M%SZ}-{self.id}.json"


def render(release: Release) -> bytes:
    return json.dumps(asdict(release), default=lambda at: at.isoformat(), indent=1).encode()


def parse(body: bytes) -> Release:
    fields: dict[str, Any] = json.loads(body)
    return Release(**{**fields, "at": datetime.fromisoformat(fields["at"])})


def record(cloud: Cloud, bucket: str, release: Release) -> None:
    body = render(release)
    try:
        cloud.call(
            "s3",
            "PutObject",
            Bucket=bucket,
            Key=release.key,
            Body=body,
            ContentType="application/json",
            IfNoneMatch="*",
        )
    except AwsRefused as fault:
        # Where the answer to our own put was lost and the put was tried again, it stands there already.
        if fault.code != "PreconditionFailed" or fetch(cloud, bucket, release.key) != body:
            raise


def fetch(cloud: Cloud, bucket: str, key: str) -> bytes:
    body: bytes = cloud.call("s3", "GetObject", Bucket=bucket, Key=key)["Body"]
    return body


def fetch_all(cloud: Cloud, bucket: str) -> tuple[Release, ...]:
    """The newest first, as many as anyone looks at."""
    keys = sorted(
        each["Key"] for each in cloud.pages("s3", "ListObjectsV2", "Contents", Bucket=bucket, Prefix=FOLDER)
    )
    newest = keys[: -READ_MAX - 1 : -1]
    return tuple(parse(fetch(cloud, bucket, key)) for key in newest)


def living(releases: Sequence[Release]) -> tuple[Release, ...]:
    """Those since the stage was last destroyed; `releases` has the newest first."""
    return tuple(takewhile(lambda each: each.outcome != DESTROYED, releases))


def running(releases: Sequence[Release]) -> Release | None:
    """The newest that left something running; `releases` has the newest first."""
    return next((each for each in living(releases) if each.outcome in (DEPLOYED, ROLLED_BACK)), None)
