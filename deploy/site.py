"""Where a command of the deployer works: a stage, its AWS, its clock, its timeline, and the lock while it is held.

Every wait goes through here, so that the lock is renewed while one waits and its loss is noticed there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy import buckets, bundle
from deploy import lock as locks
from deploy.bundle import Desired
from deploy.clock import Clock
from deploy.cloud import Cloud
from deploy.errors import DeployError, WrongAccount, WrongRegion
from deploy.timeline import Timeline
from stacks.settings import Stage

ROOT = Path(__file__).resolve().parents[1]
ROLLING_SECONDS = 60
MIGRATIONS = ROOT / "migrations" / "versions"


@dataclass(slots=True, kw_only=True)
class Site:
    """`owner` says who works here, for the lock and the receipts; `poll_seconds` is how often a wait looks, and
    `log_grace_seconds` how long the last lines of a task that has ended are waited for."""

    stage: Stage
    cloud: Cloud
    clock: Clock
    timeline: Timeline
    templates: Path
    owner: str
    poll_seconds: float = 5.0
    log_grace_seconds: float = 15.0
    lock: locks.Lock | None = None
    # While it is true CloudWatch is told every minute that a deploy rolls, and pages wait for it.
    rolling: bool = False
    _told_at: float = 0.0

    @property
    def bucket(self) -> str:
        return buckets.state_bucket(self.stage.name, self.cloud)

    def read_templates(self) -> Desired:
        return bundle.read(self.templates, self.stage, migrations=MIGRATIONS)

    def wait(self, seconds: float | None = None) -> None:
        if self.lock:
            self.lock.renew_if_due()
        if self.rolling:
            self._tell_rolling()
        self.clock.wait(self.poll_seconds if seconds is None else seconds)

    def _tell_rolling(self) -> None:
        now = self.clock.now()
        if now.timestamp() < self._told_at + ROLLING_SECONDS:
            return
        self._told_at = now.timestamp()
        dimensions = [{"Name": "Env", "Value": self.stage.name}, {"Name": "Bot", "Value": "deploy"}]
        datum = {
            "MetricName": "DeployInProgress",
            "Dimensions": dimensions,
            "Timestamp": now,
            "Value": 1,
            "Unit": "Count",
        }
        self.cloud.call("cloudwatch", "PutMetricData", Namespace="Holdfast", MetricData=[datum])

    def guard(self) -> None:
        """Whose credentials are these? Asked before anything else is."""
        if self.stage.account_id and self.stage.account_id != self.cloud.account_id:
            raise WrongAccount(
                stage=self.stage.name, wanted=self.stage.account_id, found=self.cloud.account_id
            )
        if self.stage.region and self.stage.region != self.cloud.region:
            raise WrongRegion(stage=self.stage.name, wanted=self.stage.region, found=self.cloud.region)

    @contextmanager
    def locked(self, purpose: str) -> Iterator[None]:
        """For whatever changes something. The bucket must be there."""
        self.lock = locks.acquire(
            self.cloud,
            self.clock,
            stage=self.stage.name,
            bucket=self.bucket,
            owner=self.owner,
            purpose=purpose,
        )
        held = self.lock
        try:
            yield
        except BaseException:
            self.lock = None
            self._release_beside(held)
            raise
        self.lock = None
        held.release()

    def _release_beside(self, held: locks.Lock) -> None:
        """What went wrong before is what a person must read; a lock that cannot be released ends by itself."""
        try:
            held.release()
        except DeployError as fault:
            self.timeline.tell("lock", f"was not released: {fault}")
