"""The scenes of a rehearsal: what an operator does, in order, and what must be true after each."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deploy.rehearsal import ledger
from deploy.rehearsal.checkouts import Checkout
from deploy.rehearsal.ledger import Verdict
from deploy.rehearsal.narrator import Narrator
from deploy.rehearsal.simulation import Simulation
from deploy.rehearsal.terminal import Operator
from deploy.rehearsal.venue import Venue

DESK = "first"
BAKE = ("--bake-seconds", "1")
DESKS_FILE = "runtime/local/sample_desks.toml"
WAIT_SECONDS_MAX = 300.0
PLAN_SECONDS_MAX = 10.0
CREATE_TABLE = "create table holdfast.rehearsed_{0} (made_at timestamptz not null default now())"


@dataclass(slots=True, kw_only=True)
class Scenes:
    """`now` is the version that is meant to run."""

    simulation: Simulation
    narrator: Narrator
    operator: Operator
    venue: Venue
    now: Checkout
    figures: list[str] = field(default_factory=list)

    # --- up ---------------------------------------------------------------------------------------------------------

    def from_nothing(self) -> None:
        run, now = self.operator.run, self.now
        self.operator.synthesise(now)
        run(now, "plan", expects=(2, 4))
        run(now, "deploy", *BAKE, expects=(4,))
        self.operator.push(now)
        # Nobody is enrolled yet, so the desk must not start.
        self.operator.note_pause(DESK)
        run(now, "deploy", *BAKE)
        self._expect_desk(running=False)
        run(now, "exec", "--kind", "migrate", "--", "enrol", DESKS_FILE)
        run(now, "resume", "--desk", DESK)
        run(now, "deploy", *BAKE)
        self._expect_desk(running=True)

    def bots_trade(self) -> None:
        before = len(self.venue.orders())
        self._await(lambda: len(self.venue.orders()) >= before + 3, "three orders more at the venue")
        self.narrator.met(f"the venue has {len(self.venue.orders())} orders of ours")

    def nothing_to_do(self) -> None:
        begun = time.monotonic()
        self.operator.run(self.now, "plan")
        seconds = time.monotonic() - begun
        self.figures.append(f"A plan with nothing to change: {seconds:.1f} s (limit {PLAN_SECONDS_MAX:g})")
        self.operator.run(self.now, "status", expects=(0, 6))

    def next_version(self) -> None:
        """With a migration more, which the version before can live with too."""
        version = self._release("v2")
        version.migrate_more(CREATE_TABLE.format("two"))
        self._deploy(version)
        self.narrator.expect(
            version.head in self.operator.run(version, "releases"), f"the schema is at {version.head}"
        )

    def roll_back(self) -> None:
        version = self.now
        self.operator.run(version, "rollback", expects=(0, 3))
        self._expect_desk(running=True)
        self.bots_trade()
        self._deploy(version)

    # --- what goes wrong ---------------------------------------------------------------------------------------------

    def migration_fails(self) -> None:
        version = self._release("v3-migration-fails")
        version.migrate_more("select 1/0")
        before = self._desk_task()
        self._push(version)
        self.operator.run(version, "deploy", *BAKE, expects=(1,))
        self.narrator.expect(
            self._desk_task() == before, "the desk's task was not touched", self._desk_task()
        )

    def image_crash_loops(self) -> None:
        version = self._release("v4-crash-loops")
        version.break_command("desk", 70)
        self._push(version)
        self.operator.run(version, "deploy", *BAKE, expects=(3,))
        self._expect_desk(running=True)
        self.bots_trade()

    def deployer_is_killed(self) -> None:
        """In the middle of the migration; its lock stands until somebody breaks it."""
        version = self._release("v5")
        version.migrate_more(CREATE_TABLE.format("five"))
        self._push(version)
        process = self.operator.start(version, "deploy", *BAKE)
        self.operator.until_says(process, "task is RUNNING")
        self.operator.kill(process)
        self.narrator.met("the deployer was killed while the migration ran")
        self.operator.run(version, "deploy", *BAKE, expects=(5,))
        said = self.operator.run(version, "unlock", expects=(0, 2, 4, 5))
        owner = self.operator.lock_owner()
        self.narrator.say(f"the lock is {owner}'s ({len(said.splitlines())} line(s) of unlock)")
        self.operator.run(version, "unlock", "--owner", owner)
        self.operator.run(version, "deploy", *BAKE)
        self.now = version
        self._expect_desk(running=True)

    def two_at_once(self) -> None:
        version = self._release("v6")
        self._push(version)
        first = self.operator.start(version, "deploy", *BAKE)
        self.operator.until_says(first, "make stack", "change stack", "verify")
        self.operator.run(version, "deploy", *BAKE, expects=(5,))
        self.operator.finish(first, "the first deploy")
        self.now = version

    def paused_stays_paused(self) -> None:
        self.operator.run(self.now, "pause", "--desk", DESK, "--reason", "rehearsal")
        self._expect_desk(running=False)
        version = self._release("v7")
        self._deploy(version, trades=False)
        self._expect_desk(running=False)
        self.operator.run(version, "resume", "--desk", DESK)
        self._expect_desk(running=True)
        # Settles what a resume changed beside the stack.
        self.operator.run(version, "deploy", *BAKE)

    def database_fails_over(self) -> None:
        before = self._desk_task()
        self.operator.fail_over()
        self.bots_trade()
        after = self._desk_task()
        self.narrator.say("the desk went on" if after == before else "the desk's task was replaced")

    # --- what remembers ---------------------------------------------------------------------------------------------

    def backup_and_drill(self) -> None:
        if not self.simulation.programs.speaks_tls:
            self.narrator.say("LEFT OUT: the embedded PostgreSQL's pg_dump speaks no TLS; install PostgreSQL")
            return
        for kind in ("backup", "drill"):
            begun = time.monotonic()
            self.operator.run_task(kind)
            self.figures.append(f"A {kind} as its task runs it: {time.monotonic() - begun:.1f} s")

    def restore_to_a_point(self) -> None:
        """Another database beside the living one, as it was before something was lost."""
        self.operator.run(self.now, "pause", "--desk", DESK, "--reason", "restore")
        kept = self._entries()
        moment = self.operator.moment_after_writes()
        self.operator.tell_database("drop table holdfast.rehearsed_two")
        number = self.operator.restore_at(moment)
        restored = ledger.read(self._psql, self._server(number), "holdfast")
        self.narrator.expect(restored == kept, f"{len(kept)} orders came back as they were", len(restored))
        self.operator.drop_restored()
        self.operator.tell_database(CREATE_TABLE.format("two"))
        self.operator.run(self.now, "resume", "--desk", DESK)

    def count_orders(self) -> Verdict:
        """With the desk stopped, so that both sides stand still."""
        self.operator.run(self.now, "pause", "--desk", DESK, "--reason", "counting")
        verdict = ledger.compare(self._entries(), self.venue.orders(), self.venue.fills())
        self.figures.append(str(verdict))
        self.narrator.expect(verdict.is_clean, str(verdict), verdict)
        return verdict

    # --- down, and up again ------------------------------------------------------------------------------------------

    def destroy_is_refused(self) -> None:
        """The image that would make the last backup is broken: nothing may be lost for that."""
        broken = self._release("v8-backup-fails")
        broken.break_command("backup", 1)
        digest = self.operator.digests[self.now.name]
        self.simulation.images.push(digest, broken.folder)
        self.operator.run(self.now, "destroy", "--plan", expects=(2,))
        self.operator.run(self.now, "destroy", expects=(4,))
        self.narrator.expect(bool(self._entries()), "the ledger is there")
        self.simulation.images.push(digest, self.now.folder)

    def destroy(self, *words: str) -> None:
        self.operator.run(self.now, "destroy", *words)
        stacks = self.operator.stacks()
        self.narrator.expect(not stacks, "no stack is left", stacks)
        self.narrator.expect(not self.operator.clusters(), "no cluster is left")

    def up_again(self) -> None:
        """A venue account of its own, because the ledger of before is in its backup and not in the new database."""
        self.venue.reset()
        self.operator.run(self.now, "deploy", *BAKE, expects=(4,))
        self.operator.push(self.now)
        self.operator.note_pause(DESK)
        self.operator.run(self.now, "deploy", *BAKE)
        self.operator.run(self.now, "exec", "--kind", "migrate", "--", "enrol", DESKS_FILE)
        self.operator.run(self.now, "resume", "--desk", DESK)
        self.bots_trade()

    # --- shared -----------------------------------------------------------------------------------------------------

    def _release(self, name: str) -> Checkout:
        return self.now.copy(name)

    def _push(self, version: Checkout) -> None:
        self.operator.synthesise(version)
        self.operator.push(version)

    def _deploy(self, version: Checkout, *, trades: bool = True) -> None:
        self._push(version)
        self.operator.run(version, "deploy", *BAKE)
        self.now = version
        if trades:
            self._expect_desk(running=True)
            self.bots_trade()

    def _desk_task(self) -> str:
        tasks = [each for each in self.operator.running_tasks() if each["lastStatus"] == "RUNNING"]
        return (
            str(tasks[0]["taskArn"]) if len(tasks) == 1 else json.dumps([each["taskArn"] for each in tasks])
        )

    def _expect_desk(self, *, running: bool) -> None:
        """One task that runs the version that is meant to run, or none."""
        tasks = self.operator.running_tasks()
        if not running:
            self.narrator.expect(not tasks, "no desk runs", [each["lastStatus"] for each in tasks])
            return
        digests = [each["containers"][0]["imageDigest"] for each in tasks]
        self.narrator.expect(len(digests) == 1, "exactly one desk runs", digests)

    @property
    def _psql(self) -> Path:
        return self.simulation.programs.folder

    def _server(self, number: int) -> Path:
        return self.simulation.folder / "rds" / f"db{number}"

    def _entries(self) -> list[ledger.Entry]:
        return ledger.read(self._psql, self._server(1), "holdfast")

    def _await(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while not is_so():
            self.narrator.expect_quietly(time.monotonic() < deadline, what)
            time.sleep(0.2)
