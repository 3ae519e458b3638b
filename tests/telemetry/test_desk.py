"""A running desk sends every metric of the table: as the product starts it, on PostgreSQL and the simulator."""

import json
import signal
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runtime import errors
from runtime.domain.order import Side
from runtime.engine import gauging, loop
from runtime.local import processes
from runtime.telemetry import table
from runtime.telemetry.table import METRICS, Kind
from stacks import metrics as drawn
from tests.engine.desk_process import DeskProcess, enrol_ladder, running
from tests.engine.rig import BITCOIN, Rig, limit, market
from tests.telemetry.specification import faults_of

QUICKLY = {
    "HOLDFAST_METRICS_SECONDS": "0.2",
    "HOLDFAST_METRICS_PORT": "0",
    "HOLDFAST_SLOW_QUERY_SECONDS": "0",
    "HOLDFAST_STAGE": "dev",
    "HOLDFAST_DESK": "ladders",
}


def lines(desk: DeskProcess) -> list[dict[str, Any]]:
    return desk.events("telemetry")


def sent_to_cloudwatch(told: list[dict[str, Any]]) -> set[str]:
    directives = [each["_aws"]["CloudWatchMetrics"][0] for each in told]
    return {metric["Name"] for directive in directives for metric in directive["Metrics"]}


def asked_by_prometheus(desk: DeskProcess) -> dict[str, list[Any]]:
    port = desk.await_event("metrics are served")["port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return {family.name: list(family.samples) for family in families}


def test_desk__sends_every_metric_that_the_stacks_draw(bare: Rig, tmp_path: Path) -> None:
    enrol_ladder(bare.database)
    with running(tmp_path / "desk", bare, **QUICKLY) as desk:
        assert processes.wait_until(lambda: bare.statuses() == ["open"] * 3, seconds_max=40)
        assert processes.wait_until(lambda: len(lines(desk)) > 2, seconds_max=40)
        asked = asked_by_prometheus(desk)
        desk.send(signal.SIGTERM)
        assert desk.await_end() == 0
    told = lines(desk)
    of_desks = {each for each in drawn.METRICS.values() if each.sender == "desk"}
    assert sent_to_cloudwatch(told) == {
        each.name for each in of_desks if not each.is_rare or each.name == "ShutdownSeconds"
    }
    assert [fault for line in told for fault in faults_of(json.dumps(line))] == []
    assert {(line["Env"], line["Bot"]) for line in told} == {("dev", "ladders")}
    assert 0 < told[-1]["ShutdownSeconds"] < 20
    assert sum(line["Heartbeat"] for line in told) == bare.bot("ladder")["ticks"]
    # Only the end of the process, told above, what did not happen and what is the API's have no sample yet.
    silent = {each.name for each in METRICS if not asked.get(each.prometheus_name)}
    assert silent == {
        "ShutdownSeconds",
        "FailedOperations",
        "ObservationsDropped",
        "ApiRequests",
        "StreamClients",
    }
    samples = {sample.name: sample for samples in asked.values() for sample in samples}
    assert samples["holdfast_orders_sent_total"].labels == {"answer": "Accepted"}
    assert samples["holdfast_orders_sent_total"].value == 3


@contextmanager
def nobody_listens() -> Iterator[str]:
    """The address of somebody who wants no messages."""

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the test run's output is for the tests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def heard(desk: DeskProcess, *names: str) -> bool:
    return processes.wait_until(lambda: set(names) <= sent_to_cloudwatch(lines(desk)), seconds_max=40)


def test_desk__in_trouble_sends_every_rare_metric_that_the_stacks_draw(bare: Rig, tmp_path: Path) -> None:
    """A save that was damaged, a spool that was torn, a disk that is no disk, a lease that somebody else took."""
    enrol_ladder(bare.database)
    quickly = {**QUICKLY, "HOLDFAST_REMEMBER_SECONDS": "0.1"}
    sent: set[str] = set()
    with running(tmp_path / "desk", bare, **quickly) as desk:
        assert processes.wait_until(lambda: bare.statuses() == ["open"] * 3, seconds_max=40)
        saved = "select count(*) from component_states"
        assert processes.wait_until(lambda: bare.database.rows(saved) != [(0,)], seconds_max=40)
        desk.send(signal.SIGTERM)
        assert desk.await_end() == 0
        sent |= sent_to_cloudwatch(lines(desk))
    bare.database.rows("update component_states set body = '[1]'::bytea")
    bare.database.rows("revoke insert on component_states from holdfast_bot")
    (spool,) = (tmp_path / "desk" / "spool").iterdir()
    (spool / f"{10**9:020d}-{'ab' * 16}.spool").write_bytes(b"no record of ours")
    with (
        nobody_listens() as url,
        running(tmp_path / "desk", bare, **quickly, HOLDFAST_WEBHOOK_URL=url) as desk,
    ):
        assert heard(desk, "ChecksumFailures", "SavesFailed", "SpoolCorrupt", "NotificationsDropped"), (
            sent_to_cloudwatch(lines(desk)),
            desk.complaint,
        )
        bare.database.rows("update leases set epoch = epoch + 1")
        assert desk.await_end() == errors.LeaseLost.exit_code
        sent |= sent_to_cloudwatch(lines(desk))
    (tmp_path / "taken").write_text("a file where a folder should be")
    with running(tmp_path / "desk", bare, **quickly, HOLDFAST_SPOOL_DIR=str(tmp_path / "taken")) as desk:
        assert heard(desk, "ObservationsDropped"), desk.complaint
        sent |= sent_to_cloudwatch(lines(desk))
    assert sent == {each.name for each in drawn.METRICS.values() if each.sender == "desk"}


def test_desk__tells_every_bot_in_a_line_of_its_own(bare: Rig, tmp_path: Path) -> None:
    enrol_ladder(bare.database)
    with running(tmp_path / "desk", bare, **QUICKLY) as desk:
        told = desk.await_event("bot")
        accepted = desk.await_event("order accepted")
    assert (told["account"], told["bot"], told["state"]) == ("desk", "ladder", "running")
    assert {Decimal(told[name]) for name in ("equity", "drawdown", "exposure", "realised_today")} == {0}
    assert accepted["symbol"] == BITCOIN


def test_desk__names_slow_queries_and_never_their_parameters(bare: Rig, tmp_path: Path) -> None:
    enrol_ladder(bare.database)
    with running(tmp_path / "desk", bare, **QUICKLY) as desk:
        assert processes.wait_until(lambda: bare.statuses() == ["open"] * 3, seconds_max=40)
        slow = desk.events("slow query")
    assert {"at", "level", "event", "query", "seconds"} == {key for each in slow for key in each}
    assert {"orders.record_intents", "leases.acquire_first", "bots.record_tick"} <= {
        each["query"] for each in slow
    }
    assert "without a name" not in {each["query"] for each in slow}


def test_desk__without_a_port_listens_nowhere(bare: Rig, tmp_path: Path) -> None:
    enrol_ladder(bare.database)
    with running(tmp_path / "desk", bare, HOLDFAST_METRICS_SECONDS="0.2") as desk:
        desk.await_event("telemetry")
        assert desk.events("metrics are served") == []


def told_now(rig: Rig) -> None:
    rig.desk.tell_at_monotonic = 0
    gauging.tell(rig.desk)


def test_figures__follow_what_a_bot_holds(rig: Rig) -> None:
    rig.trade(market("in", Side.BUY, "0.1"))
    rig.tick()
    told_now(rig)
    values = rig.desk.meters.values()
    exposure = values[table.EXPOSURE]["one",]
    held = rig.position()
    assert exposure == held * 50_000 > 0
    equity = values[table.EQUITY]["one",]
    rig.set_price("40000")
    rig.tick()
    told_now(rig)
    values = rig.desk.meters.values()
    assert values[table.EXPOSURE]["one",] == held * 40_000
    assert values[table.EQUITY]["one",] == Decimal(equity) - held * 10_000
    assert values[table.DRAWDOWN]["one",] >= held * 10_000
    assert values[table.REALISED_TODAY]["one",] <= 0
    assert values[table.DRAWDOWN]["two",] == 0


def one_turn(rig: Rig) -> None:
    """The loop's own turn, ended by its stop after the first."""
    stops = iter([False, True])

    class Once:
        def is_set(self) -> bool:
            return next(stops)

        def wait(self, _: float) -> None: ...

    loop.run(rig.desk, Once())  # type: ignore[arg-type]


def test_gauges__show_what_stands_in_the_way(rig: Rig) -> None:
    rig.fault("http_5xx_refused")
    rig.trade(limit("a", Side.BUY, "0.01", "49000"))
    assert rig.statuses() == ["unknown"]
    rig.place_foreign()
    rig.command("pause", "two")
    one_turn(rig)
    values = rig.desk.meters.values()
    assert values[table.UNKNOWN_ORDERS] == {(): 1}
    assert 0 < values[table.UNKNOWN_ORDER_AGE][()] < 60
    assert values[table.QUARANTINED] == {(): 1}
    assert values[table.BOT_STATES] == {("running",): 1, ("paused",): 1, ("halted",): 0}
    assert values[table.RECOVERIES] == {(): 1}


def test_counters__see_a_lost_lease_and_a_fenced_write(rig: Rig) -> None:
    rig.database.rows("update leases set epoch = epoch + 1")
    with pytest.raises(errors.LeaseLost):
        one_turn(rig)
    assert rig.desk.meters.values()[table.LEASE_LOST] == {(): 1}
    assert rig.desk.meters.values()[table.FAILED_OPERATIONS] == {("LeaseLost",): 1}
    assert rig.store._timing.meters.values()[table.FENCED_WRITES] == {(): 1}


def test_counters__see_what_was_not_sent_again(rig: Rig) -> None:
    for _ in range(2):
        rig.trade(limit("same", Side.BUY, "0.01", "49000"))
    one_turn(rig)
    assert rig.desk.meters.values()[table.DUPLICATES_PREVENTED] == {(): 1}
    assert rig.desk.meters.durations()[table.ORDER_SUBMIT_SECONDS][0].count(0) > 0
    assert sum(rig.desk.meters.durations()[table.ORDER_SUBMIT_SECONDS][0]) == 1


def test_breaker__is_told_while_it_stands(bare: Rig) -> None:
    rig = bare.enrol(daily_loss_quote_max="1")
    rig.start()
    rig.trade(market("in", Side.BUY, "0.1"))
    rig.set_price("40000")
    rig.tick()
    one_turn(rig)
    assert rig.desk.meters.values()[table.BREAKERS_TRIPPED] == {(): 1}


def test_table__has_no_counter_that_no_line_of_the_runtime_feeds() -> None:
    """Every row is named outside of the table, so that no metric is only promised."""
    sources = [path for path in Path("runtime").rglob("*.py") if path.parts[:2] != ("runtime", "telemetry")]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    unfed = [name for name, each in vars(table).items() if each in METRICS and f"table.{name}" not in text]
    assert unfed == []
    assert {each.kind for each in METRICS} == set(Kind)
