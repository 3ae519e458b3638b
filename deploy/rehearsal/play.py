"""What every scene has at hand: the venue, the operator, the version that is meant to run, and the ledger."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deploy.rehearsal import ledger
from deploy.rehearsal.checkouts import Checkout
from deploy.rehearsal.console import Console
from deploy.rehearsal.narrator import Narrator
from deploy.rehearsal.page import Visitor
from deploy.rehearsal.simulation import Simulation
from deploy.rehearsal.terminal import Operator
from deploy.rehearsal.venue import Venue
from stacks.settings import API

DESK = "first"
DESK_KIND = "desk"
# To whom sample_desks.toml gives its bots.
USER = "local"
BAKE = ("--bake-seconds", "1")
WAIT_SECONDS_MAX = 300.0
SETTLE_SECONDS_MAX = 60.0


@dataclass(slots=True, kw_only=True)
class Play:
    """`now` is the version that is meant to run, `earlier` the one that ran before it."""

    simulation: Simulation
    narrator: Narrator
    operator: Operator
    console: Console
    venue: Venue
    now: Checkout
    earlier: Checkout | None = None
    figures: list[str] = field(default_factory=list)

    def release(self, name: str) -> Checkout:
        return self.now.copy(name)

    def push(self, version: Checkout) -> None:
        self.operator.synthesise(version)
        self.operator.push(version)

    def deploy(self, version: Checkout, *, trades: bool = True) -> None:
        if version.name not in self.operator.digests:
            self.push(version)
        self.roll(version)
        self.earlier, self.now = self.now, version
        if trades:
            self.expect_desk(running=True)
            self.bots_trade()
        self.expect_api()

    def roll(self, version: Checkout, *, expects: int = 0) -> str:
        return self.operator.run(version, "deploy", "--image", version.name, *BAKE, expects=(expects,))

    def desk_task(self) -> str:
        tasks = [each for each in self._tasks(DESK_KIND) if each["lastStatus"] == "RUNNING"]
        return (
            str(tasks[0]["taskArn"]) if len(tasks) == 1 else json.dumps([each["taskArn"] for each in tasks])
        )

    def expect_desk(self, *, running: bool, version: Checkout | None = None) -> None:
        """One task, of the version that is meant to run or of the one that is named; or none."""
        found = self._digests(DESK_KIND)
        if not running:
            self.narrator.expect(not found, "no desk runs", found)
            return
        wanted = version or self.now
        self.narrator.expect(
            found == [self.operator.digests[wanted.name]], f"exactly one desk runs, of {wanted.name}", found
        )

    def expect_api(self, *, version: Checkout | None = None) -> None:
        """It is rolled like a desk, and may run without one."""
        wanted, found = version or self.now, self._digests(API)
        self.narrator.expect(
            found == [self.operator.digests[wanted.name]], f"one API runs, of {wanted.name}", found
        )

    def _digests(self, kind: str) -> list[str]:
        return [each["containers"][0]["imageDigest"] for each in self._tasks(kind)]

    def _tasks(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.console.running_tasks() if each["containers"][0]["name"] == kind]

    def visitor(self, port: int = 0) -> Visitor:
        """Somebody with a token, at a port of this machine or, past every tunnel, at that of the API's task."""
        port = port or int(str(self.operator.context["api_port"]))
        return Visitor(
            f"http://127.0.0.1:{port}", self.operator.sign_token(self.now, user=USER, role="operator")
        )

    def bots_trade(self) -> None:
        before = len(self.venue.orders())
        self.wait_for(lambda: len(self.venue.orders()) >= before + 3, "three orders more at the venue")
        self.narrator.met(f"the bots trade: the venue has {len(self.venue.orders())} orders of ours")

    def entries(self) -> list[ledger.Entry]:
        return ledger.read(self.simulation)

    def compare(self) -> ledger.Verdict:
        return ledger.compare(self.entries(), self.venue.orders(), self.venue.fills())

    def settle(self, is_so: Callable[[], bool]) -> None:
        """Gives what is under way a minute to arrive; whether it did is judged afterwards."""
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        while not is_so() and time.monotonic() < deadline:
            time.sleep(0.2)

    def wait_for(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while not is_so():
            self.narrator.expect_quietly(time.monotonic() < deadline, what)
            time.sleep(0.2)
