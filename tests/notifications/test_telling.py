"""A real desk says to people what they should know, once, and no secret of theirs is ever read in what it says."""

import ast
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from string import Formatter

import pytest

from runtime import logs
from runtime.domain.order import Side
from runtime.engine import gauging, remembering
from runtime.local import processes
from runtime.local.folder import SOCKET_NAME
from runtime.notifications import notices
from runtime.notifications.channel import Channel
from runtime.notifications.notices import Kind
from runtime.notifications.notifier import REPEAT_AFTER, Notifier
from runtime.notifications.senders import Webhook
from runtime.settings import Secret
from runtime.telemetry.emf import Writer
from runtime.telemetry.meters import Meters
from tests.engine.desk_process import DeskProcess, enrol_ladder, running
from tests.engine.rig import Rig, limit, market
from tests.house.sources import ROOT, dotted_name
from tests.notifications.people import CANARY, CHAT, SECONDS_MAX, TOKEN, People, answers
from tests.proxy import Proxy


@contextmanager
def telling(people: People, now: list[datetime] | None = None) -> Iterator[None]:
    """What is logged meanwhile is told; all of it was sent once this is left."""
    channel = Channel("webhook", Webhook(Secret(f"{people.url}/hook"), {}).deliver, Meters())
    clock = (lambda: now[0]) if now else (lambda: datetime.now(UTC))
    channel.start()
    try:
        with logs.heard(notices.EVENTS, Notifier([channel], "dev/desk", clock).hear):
            yield
    finally:
        channel.stop(SECONDS_MAX)


def test_desk__tells_of_an_order_whose_fate_nobody_knows(rig: Rig, people: People) -> None:
    rig.fault("http_5xx_refused")
    with telling(people):
        order = rig.trade(limit("rests", Side.BUY, "0.02", "45000"))
    (told,) = people.told()
    assert (told["kind"], told["facts"]["order"]) == ("order_unknown", order["client_order_id"])
    assert told["text"].startswith(
        f"[dev/desk] Nobody knows yet what became of order {order['client_order_id']}"
    )


def test_desk__tells_of_an_order_that_is_shown_nowhere(rig: Rig, people: People) -> None:
    rig.trade(limit("rests", Side.BUY, "0.02", "45000"))
    rig.tick()
    rig.fault("stale_data", route="*", seconds=3600, times=-1)
    with telling(people):
        rig.tick(3)
    assert rig.statuses() == ["unknown"]
    assert [each["kind"] for each in people.told()] == ["order_unknown"]


def test_desk__tells_of_what_is_foreign_once(rig: Rig, people: People) -> None:
    number = rig.place_foreign()
    with telling(people):
        rig.reconcile()
        rig.reconcile()
    (told,) = people.told()
    assert (told["kind"], told["facts"]["venue_id"]) == ("quarantined", number)


def test_desk__tells_of_the_daily_loss(bare: Rig, people: People) -> None:
    rig = bare.enrol(daily_loss_quote_max="1")
    rig.start()
    rig.trade(market("in", Side.BUY, "0.1"))
    rig.set_price("40000")
    with telling(people):
        rig.tick(3)
    (told,) = people.told()
    assert (told["kind"], told["facts"]["bot"]) == ("breaker_tripped", "one")


def test_desk__tells_of_a_save_that_is_damaged(rig: Rig, people: People) -> None:
    for number in range(2):
        rig.trade(market(f"in {number}", Side.BUY, "0.01"))
        rig.tick()
        remembering.save_all(rig.desk)
    rig.database.rows("update component_states set body = ''::bytea where component = 'risk_keeper'")
    with telling(people):
        rig.restart()
    assert {each["kind"] for each in people.told()} == {"save_unusable"}
    assert people.told()[0]["facts"]["component"] == "risk_keeper"
    assert people.told()[0]["text"].startswith("[dev/desk] What risk_keeper of bot one remembered")


def test_summary__is_told_with_the_first_line_of_the_next_day(rig: Rig, people: People) -> None:
    now = [datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)]
    rig.desk.writer = Writer(rig.desk.meters, stage="dev", desk="desk", every_seconds=0)
    rig.tick()
    rig.place_foreign()
    with telling(people, now):
        rig.reconcile()
        for _ in range(2):
            rig.desk.tell_at_monotonic = 0
            gauging.tell(rig.desk)
            now[0] += timedelta(seconds=2)
        rig.desk.tell_at_monotonic = 0
        gauging.tell(rig.desk)
    foreign, told = people.told()
    assert (foreign["kind"], told["kind"], told["facts"]["day"]) == (
        "quarantined",
        "daily_summary",
        "2026-03-01",
    )
    assert set(told["facts"]["bots"]) == {"one", "two"}
    assert told["text"].splitlines() == [
        "[dev/desk] 2026-03-01 UTC:",
        "one: running, realised today 0, equity 0, drawdown 0, exposure 0",
        "two: running, realised today 0, equity 0, drawdown 0, exposure 0",
        "Told that day: 1 x quarantined.",
    ]


def test_notifier__tells_the_same_case_again_only_later(people: People) -> None:
    now = [datetime(2026, 3, 1, tzinfo=UTC)]
    with telling(people, now):
        for seconds in (0, 1, REPEAT_AFTER.total_seconds()):
            now[0] = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=seconds)
            logs.warning("order outcome unknown", order="a", detail="d")
        logs.warning("order outcome unknown", order="b", detail="d")
    assert [each["facts"]["order"] for each in people.told()] == ["a", "a", "b"]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (Decimal("0E-18"), "0"),
        ("-0.00001", "0"),
        ("1200.50", "1200.5"),
        ("-3E+2", "-300"),
        ("NaN", "NaN"),
        ("1E+40", "1E+40"),
        ("?", "?"),
    ],
)
def test_figure__is_one_that_a_person_reads(value: object, read: str) -> None:
    assert notices.figure(value) == read


def test_notifier__hears_nothing_once_its_desk_left(people: People) -> None:
    with telling(people):
        pass
    logs.warning("order outcome unknown", order="a", detail="d")
    assert people.requests == []


def test_notice__holds_no_secret_that_the_log_keeps_out(people: People) -> None:
    logs.keep_out("very-secret-word")
    with telling(people):
        logs.warning("order outcome unknown", order="very-secret-word", detail="of very-secret-word")
    (told,) = people.told()
    assert "very-secret-word" not in str(told)
    assert told["facts"] == {"order": "***", "detail": "of ***"}


@pytest.fixture
def ladder(bare: Rig) -> Rig:
    enrol_ladder(bare.database)
    return bare


def settings_of(people: People) -> dict[str, str]:
    return {
        "HOLDFAST_WEBHOOK_URL": f"{people.url}/hooks/{CANARY}?key={CANARY}-key",
        "HOLDFAST_TELEGRAM_URL": people.url,
        "HOLDFAST_TELEGRAM_TOKEN": TOKEN,
        "HOLDFAST_TELEGRAM_CHAT": str(CHAT),
        "HOLDFAST_LOG_LEVEL": "debug",
    }


def said_by(desk: DeskProcess) -> str:
    return (desk.folder / "log").read_text("utf-8") + desk.complaint


def test_desk__that_lost_its_lease_says_so_before_it_dies(
    ladder: Rig, people: People, tmp_path: Path
) -> None:
    # One of the two is refused for good, the other at first: both ways to fail are in the log.
    people.manners += [answers(403), answers(500)]
    ladder.place_foreign()
    with running(tmp_path / "desk", ladder, **settings_of(people)) as desk:
        desk.await_event("a notification is dropped")
        ladder.database.rows("update leases set epoch = epoch + 1")
        assert desk.await_end() == 12
        said = said_by(desk)
    kinds = [each["kind"] for each in people.told()]
    assert kinds[-1] == "lease_lost"
    assert desk.complaint.strip().partition(": ")[2] in people.told()[-1]["text"]
    assert any("is no longer ours" in each for each in people.said())
    assert CANARY not in said.lower()
    assert "quarantined" in said


def test_desk__that_cannot_reach_the_store_says_so_and_then_that_it_gave_up(
    ladder: Rig, people: People, tmp_path: Path
) -> None:
    server, name = ladder.database.server, ladder.database.name
    with Proxy(Path(server.postmaster.socket_dir) / SOCKET_NAME) as proxy:
        settings = settings_of(people) | {
            "DATABASE_URL": f"postgresql://holdfast_bot@127.0.0.1:{proxy.port}/{name}?sslmode=disable&gssencmode=disable",
            "HOLDFAST_STORE_LOST_SECONDS": "1",
        }
        with running(tmp_path / "desk", ladder, **settings) as desk:
            assert processes.wait_until(lambda: ladder.statuses() == ["open"] * 3, seconds_max=SECONDS_MAX)
            with proxy.refusing():
                assert desk.await_end() == 13
            assert CANARY not in said_by(desk).lower()
    assert [each["kind"] for each in people.told()] == ["store_lost", "store_lost"]
    assert len(people.said()) == 2


def test_desk__trades_on_while_nobody_takes_what_it_tells(
    ladder: Rig, people: People, tmp_path: Path
) -> None:
    people.usual = answers(429, Retry_After="600")
    ladder.place_foreign()
    with running(tmp_path / "desk", ladder, **settings_of(people)) as desk:
        people.await_count(2)
        ticks = ladder.bot("ladder")["ticks"]
        assert processes.wait_until(
            lambda: ladder.bot("ladder")["ticks"] > ticks + 5, seconds_max=SECONDS_MAX
        )
        desk.send(signal.SIGTERM)
        assert desk.await_end() == 0
        assert len(desk.events("a notification is dropped")) == 2
        assert CANARY not in said_by(desk).lower()


def test_kinds__are_all_told_by_something() -> None:
    told = {each.kind for each in notices.TELLINGS.values()}
    assert set(Kind) - told == {Kind.LEASE_LOST, Kind.DAILY_SUMMARY, Kind.ANSWER}


def test_events__are_logged_by_the_engine_with_the_facts_of_their_sentence() -> None:
    logged: dict[str, set[str]] = {}
    for path in (ROOT / "runtime/engine").glob("*.py"):
        for call in (each for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.Call)):
            if dotted_name(call.func).startswith("logs.") and isinstance(call.args[0], ast.Constant):
                facts = logged.setdefault(str(call.args[0].value), set())
                facts |= {keyword.arg for keyword in call.keywords if keyword.arg}
    for event, telling in notices.TELLINGS.items():
        wanted = {name for _, name, *_ in Formatter().parse(telling.sentence) if name}
        assert event in logged, f"nothing logs {event!r}"
        assert wanted <= logged[event], event
