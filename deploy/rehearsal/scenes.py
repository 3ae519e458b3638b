"""The scenes of a rehearsal: what an operator does, in order, and what must be true after each."""

import time
from datetime import datetime

from deploy.rehearsal import ledger, superuser
from deploy.rehearsal.page import ROOT, Visitor, find_browser
from deploy.rehearsal.play import BAKE, DESK, Play
from deploy.rehearsal.simulation import free_port
from deploy.rehearsal.venue import ACCOUNT

DESKS_FILE = "runtime/local/sample_desks.toml"
PLAN_SECONDS_MAX = 10.0
CREATE_TABLE = "create table holdfast.rehearsed_{0} (made_at timestamptz not null default now())"

# --- up ---------------------------------------------------------------------------------------------------------


def from_nothing(play: Play) -> None:
    run, now = play.operator.run, play.now
    play.operator.synthesise(now)
    run(now, "plan", expects=(2, 4))
    run(now, "deploy", *BAKE, expects=(4,))
    play.operator.push(now)
    # Nobody is enrolled yet, so the desk must not start.
    run(now, "pause", "--desk", DESK, "--reason", "nobody is enrolled yet")
    run(now, "deploy", *BAKE)
    play.expect_desk(running=False)
    play.expect_api()
    run(now, "exec", "--kind", "migrate", "--", "enrol", DESKS_FILE)
    run(now, "resume", "--desk", DESK)
    play.expect_desk(running=True)


def bots_trade(play: Play) -> None:
    play.bots_trade()


def nothing_to_do(play: Play) -> None:
    # The stack still has the count that the pause left; this deploy takes over what the resume changed beside it.
    play.operator.run(play.now, "deploy", *BAKE)
    begun = time.monotonic()
    play.operator.run(play.now, "plan")
    seconds = time.monotonic() - begun
    play.figures.append(f"A plan with nothing to change: {seconds:.1f} s (limit {PLAN_SECONDS_MAX:g})")
    # It misses a backup, and rightly says so.
    play.operator.run(play.now, "status", expects=(6,))


def page_is_opened(play: Play) -> None:
    """The one way there is on AWS: nothing of the API listens to the network."""
    port = free_port()
    tunnel = play.operator.start(play.now, "tunnel", "--port", str(port))
    play.operator.until_says(tunnel, f"Port {port} opened")
    _read_page(play, play.visitor(port))
    play.operator.interrupt(tunnel)
    play.operator.finish(tunnel, "the tunnel")
    status, said = Visitor(f"http://127.0.0.1:{port}").ask(f"{ROOT}/health")
    play.narrator.expect(status == 0, "nothing listens here when the tunnel has ended", (status, said))


def _read_page(play: Play, visitor: Visitor) -> None:
    expect, stranger = play.narrator.expect, Visitor(visitor.address)
    alive, (status, _) = stranger.ask(f"{ROOT}/health"), stranger.ask(f"{ROOT}/bots")
    expect(
        alive == (200, {"alive": True}), "health says without a token that the API lives, and no more", alive
    )
    expect(status == 401, "bots are shown to nobody without a token", status)
    reasons = visitor.reasons(ACCOUNT)
    expect(reasons == [], f"ready has nothing against trading on {ACCOUNT}", reasons)
    names = visitor.names_of_bots()
    expect(bool(names), f"a token of the stage's secret reads the bots: {', '.join(names)}", names)
    told = visitor.hear()
    heard = sorted(each["name"] for each in told["bots"])
    expect(heard == names, f"the stream begins with the same bots and {len(told['orders'])} orders", heard)
    status, page = stranger.ask("/")
    expect(status == 200 and "<html" in page, "the page is there", status)
    browser = find_browser()
    if browser is None:
        play.narrator.say("LEFT OUT: no Chromium on this machine; nobody looked at the page")
        return
    table, complaints = visitor.look(browser, play.simulation.folder / "overview.png")
    expect(all(each in table for each in names), "a browser signs in and shows the same bots, live", table)
    expect(not complaints, "the page complains of nothing", complaints)


def next_version(play: Play) -> None:
    """With a migration more, which the version before can live with too."""
    version = play.release("v2")
    version.migrate_more(CREATE_TABLE.format("two"))
    play.deploy(version)
    play.narrator.expect(
        version.head in play.operator.run(version, "releases"), f"the schema is at {version.head}"
    )


def roll_back(play: Play) -> None:
    version = play.now
    play.operator.run(version, "rollback")
    play.expect_desk(running=True, version=play.earlier)
    play.expect_api(version=play.earlier)
    play.bots_trade()
    play.deploy(version)


def schema_goes_on_alone(play: Play) -> None:
    """A migration that the program before it cannot live with: no way back is opened to it, by hand or by a failure."""
    version = play.release("v2-needs-its-schema")
    version.migrate_more(CREATE_TABLE.format("three"), suits_older=False)
    play.deploy(version)
    task = play.desk_task()
    said = play.operator.run(version, "rollback", expects=(4,))
    play.narrator.expect("Take the schema back first" in said, "it says what would lead back", said)
    play.narrator.expect(play.desk_task() == task, "the desk's task was not touched", play.desk_task())
    play.bots_trade()
    mended = play.release("v2-mended")
    mended.migrate_more(CREATE_TABLE.format("four"), suits_older=False)
    broken = mended.copy("v2-crash-loops-on-its-schema")
    broken.break_command("desk", 70)
    play.push(broken)
    # The schema has gone on, the new program does not live, and the old one must not run: nothing trades.
    said = play.roll(broken, expects=1)
    play.narrator.expect("the rollback to" in said, "it says that there was no way back", said)
    play.expect_desk(running=False)
    play.deploy(mended)


# --- what goes wrong ---------------------------------------------------------------------------------------------


def migration_fails(play: Play) -> None:
    version = play.release("v3-migration-fails")
    version.migrate_more("select 1/0")
    before = play.desk_task()
    play.push(version)
    play.roll(version, expects=1)
    play.narrator.expect(play.desk_task() == before, "the desk's task was not touched", play.desk_task())


def image_crash_loops(play: Play) -> None:
    version = play.release("v4-crash-loops")
    version.break_command("desk", 70)
    play.push(version)
    play.roll(version, expects=3)
    play.expect_desk(running=True)
    play.expect_api()
    play.bots_trade()


def deployer_is_killed(play: Play) -> None:
    """In the middle of the migration; its lock stands until somebody breaks it."""
    version = play.release("v5")
    version.migrate_more(CREATE_TABLE.format("five"))
    play.push(version)
    process = play.operator.start(version, "deploy", "--image", version.name, *BAKE)
    play.operator.until_says(process, "task is RUNNING")
    play.operator.kill(process)
    play.narrator.met("the deployer was killed while the migration ran")
    play.roll(version, expects=5)
    # Without a name it says who holds the lock, and breaks nothing.
    said = play.operator.run(version, "unlock", expects=(4,))
    owner = said.rpartition("--owner ")[2].split()[0].rstrip(".")
    play.operator.run(version, "unlock", "--owner", owner)
    play.roll(version)
    play.now = version
    play.expect_desk(running=True)


def two_at_once(play: Play) -> None:
    version = play.release("v6")
    play.push(version)
    first = play.operator.start(version, "deploy", "--image", version.name, *BAKE)
    play.operator.until_says(first, "make stack", "change stack", "verify")
    play.roll(version, expects=5)
    play.operator.finish(first, "the first deploy")
    play.now = version


def paused_stays_paused(play: Play) -> None:
    play.operator.run(play.now, "pause", "--desk", DESK, "--reason", "rehearsal")
    play.expect_desk(running=False)
    reasons = play.visitor().reasons(ACCOUNT)
    wanted = [f"{ACCOUNT}: no process trades it."]
    play.narrator.expect(reasons == wanted, "the API, which runs on, says that nobody trades", reasons)
    version = play.release("v7")
    play.deploy(version, trades=False)
    play.expect_desk(running=False)
    play.operator.run(version, "resume", "--desk", DESK)
    play.expect_desk(running=True)
    # Settles what a resume changed beside the stack.
    play.roll(version)


def database_fails_over(play: Play) -> None:
    before = play.desk_task()
    play.console.fail_over()
    play.bots_trade()
    visitor = play.visitor()
    play.wait_for(lambda: bool(visitor.names_of_bots()), "the API to read the bots again")
    play.narrator.met("the API reads the bots again")
    after = play.desk_task()
    play.narrator.say("the desk went on" if after == before else "the desk's task was replaced")


# --- what remembers ---------------------------------------------------------------------------------------------


def run_by_the_clock(play: Play) -> None:
    if not play.simulation.programs.speaks_tls:
        play.narrator.say("LEFT OUT: the embedded PostgreSQL's pg_dump speaks no TLS; install PostgreSQL")
        return
    for kind in ("backup", "drill", "retention"):
        begun = time.monotonic()
        play.console.run_task(kind)
        play.figures.append(f"A {kind} as its task runs it: {time.monotonic() - begun:.1f} s")
    # Nor does it count what we ourselves stopped, or what a release died of that was taken back.
    play.operator.run(play.now, "status")


def restore_to_a_point(play: Play) -> None:
    """Another database beside the living one, as it was before something was lost."""
    play.operator.run(play.now, "pause", "--desk", DESK, "--reason", "restore")
    kept = play.entries()
    superuser.ask(play.simulation, "-c", "create table public.kept as select 1 as one")
    moment = datetime.fromisoformat(superuser.ask(play.simulation, "-c", "select clock_timestamp()"))
    superuser.ask(play.simulation, "-c", "drop table public.kept")
    begun = time.monotonic()
    number = play.console.restore_at(moment)
    play.figures.append(
        f"A restore to a moment, beside the living database: {time.monotonic() - begun:.1f} s"
    )
    found = superuser.ask(play.simulation, "-c", "select one from public.kept", server=number)
    play.narrator.expect(found == "1", "what was dropped after the moment is there again", found)
    restored = ledger.read(play.simulation, server=number)
    play.narrator.expect(restored == kept, f"{len(kept)} orders came back as they were", len(restored))
    play.console.drop_restored()
    play.operator.run(play.now, "resume", "--desk", DESK)


def count_orders(play: Play) -> None:
    """With prices that stand still, until the desk has seen its last fills, and then with the desk stopped.

    What it sends just before it stops may be filled just after: then it goes on, and is stopped once more. An order
    that is lost stays lost.
    """
    play.venue.freeze()
    for is_again in (False, True, True):
        if is_again:
            play.operator.run(play.now, "resume", "--desk", DESK)
        play.settle(lambda: play.compare().is_clean)
        play.operator.run(play.now, "pause", "--desk", DESK, "--reason", "counting")
        verdict = play.compare()
        if verdict.is_clean:
            break
    play.figures.append(str(verdict))
    play.narrator.expect(verdict.is_clean, str(verdict), verdict)


# --- down, and up again ------------------------------------------------------------------------------------------


def destroy_is_refused(play: Play) -> None:
    """The image that would make the last backup is broken: nothing may be lost for that."""
    broken = play.release("v8-backup-fails")
    broken.break_command("backup", 1)
    digest = play.operator.digests[play.now.name]
    play.simulation.images.push(digest, broken.folder)
    play.operator.run(play.now, "destroy", "--plan", expects=(2,))
    play.operator.run(play.now, "destroy", expects=(4,))
    play.narrator.expect(bool(play.entries()), "the ledger is there")
    play.simulation.images.push(digest, play.now.folder)


def destroy(play: Play, *words: str) -> None:
    visitor = play.visitor()
    play.operator.run(play.now, "destroy", *words)
    stacks = play.console.stacks()
    play.narrator.expect(not stacks, "no stack is left", stacks)
    play.narrator.expect(not play.console.clusters(), "no cluster is left")
    status, said = visitor.ask(f"{ROOT}/health")
    play.narrator.expect(status == 0, "the API is gone", (status, said))


def up_again(play: Play) -> None:
    """A venue account of its own, because the ledger of before is in its backup and not in the new database."""
    play.venue.reset()
    play.operator.run(play.now, "deploy", *BAKE, expects=(4,))
    play.operator.push(play.now)
    play.operator.run(play.now, "pause", "--desk", DESK, "--reason", "nobody is enrolled yet")
    play.operator.run(play.now, "deploy", *BAKE)
    play.operator.run(play.now, "exec", "--kind", "migrate", "--", "enrol", DESKS_FILE)
    play.operator.run(play.now, "resume", "--desk", DESK)
    play.bots_trade()
    play.expect_api()
