"""What the steps of one deploy learn from each other, and the receipt that is made of it."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime

from deploy import pauses
from deploy.bundle import Desired
from deploy.observe import Observed
from deploy.plan import Plan, Wishes
from deploy.releases import Release, record
from deploy.site import Site


@dataclass(slots=True, kw_only=True)
class Work:
    """`observed` is how it was at the beginning. `rolling` is set when the first desk is touched."""

    site: Site
    desired: Desired
    observed: Observed
    wishes: Wishes
    plan: Plan
    started_at: datetime
    schema: str = ""
    rolling: bool = False
    counts: dict[str, int] = field(init=False)
    rang_before: frozenset[str] = frozenset()
    evidence: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return self.observed.image.digest if self.observed.image else ""

    def __post_init__(self) -> None:
        self.counts = dict(self.plan.counts)

    @property
    def cluster(self) -> str:
        return self.observed.output(self.desired.stack("Platform").name, "ClusterName")

    def recount(self, desk: str) -> int:
        """How many tasks are wanted of it now: a pause may have come after the plan, and asks for no lock."""
        if self.counts[desk] and desk in pauses.fetch(self.site.cloud, self.site.bucket):
            self.site.timeline.tell(desk, "was paused meanwhile, and stays stopped")
            self.counts[desk] = 0
        return self.counts[desk]

    @property
    def mark(self) -> str:
        """What tells this work from the like after the next receipt: retried it is the same, repeated it is not."""
        return self.observed.releases[0].id if self.observed.releases else "first"

    @property
    def schema_oldest_program(self) -> str:
        """Of the schema as it stands now, by the file of its revision."""
        head = self.schema or self.observed.schema
        return next((each.oldest_program for each in self.desired.revisions if each.name == head), head)


def write_receipt(
    work: Work, outcome: str, *, digest: str, wanted: str, reason: str = "", program: str | None = None
) -> Release:
    now = work.site.clock.now()
    release = Release(
        id=secrets.token_hex(4),
        at=now,
        outcome=outcome,
        digest=digest,
        wanted=wanted,
        schema=work.schema or work.observed.schema,
        program=work.desired.head if program is None else program,
        oldest_program=work.schema_oldest_program,
        desks=dict(work.counts) if digest else {},
        who=work.site.owner,
        seconds=round((now - work.started_at).total_seconds()),
        reason=reason,
        evidence=dict(work.evidence),
    )
    record(work.site.cloud, work.site.bucket, release)
    work.site.timeline.tell(
        "receipt", f"{release.id}: {outcome} {digest or '(nothing runs)'}", kind="receipt"
    )
    return release
