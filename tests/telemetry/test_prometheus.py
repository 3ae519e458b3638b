"""`/metrics`, read back by Prometheus' own parser."""

import socket
import threading
import urllib.error
import urllib.request
from decimal import Decimal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runtime import errors
from runtime.telemetry import prometheus, table
from runtime.telemetry.meters import Meters


def ask(port: int) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    families = text_string_to_metric_families(text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_metrics__are_the_meters_as_they_stand() -> None:
    meters = Meters()
    meters.count(table.HEARTBEAT, by=2)
    meters.count(table.FAILED_OPERATIONS, "Conflict")
    meters.set(table.EQUITY, Decimal("-12.5"), 'the "one"')
    meters.observe(table.TICK_SECONDS, 0.003)
    meters.observe(table.TICK_SECONDS, 70)
    with prometheus.served(meters, "127.0.0.1", 0) as port:
        for _ in range(2):
            told = ask(port)
            assert told["holdfast_heartbeat_total", ()] == 2
            assert told["holdfast_failed_operations_total", (("error", "Conflict"),)] == 1
            assert told["holdfast_equity", (("bot", 'the "one"'),)] == -12.5
            assert told["holdfast_tick_seconds_bucket", (("le", "0.0025"),)] == 0
            assert told["holdfast_tick_seconds_bucket", (("le", "0.005"),)] == 1
            assert told["holdfast_tick_seconds_bucket", (("le", "+Inf"),)] == 2
            assert told["holdfast_tick_seconds_count", ()] == 2
            assert told["holdfast_tick_seconds_sum", ()] == pytest.approx(70.003)


def test_metrics__are_answered_while_they_change() -> None:
    meters, done = Meters(), threading.Event()

    def busy() -> None:
        number = 0
        while not done.is_set():
            number += 1
            meters.count(table.SLOW_QUERIES, f"query-{number % 500}")
            meters.observe(table.TICK_SECONDS, 0.001)

    worker = threading.Thread(target=busy)
    worker.start()
    try:
        with prometheus.served(meters, "127.0.0.1", 0) as port:
            for _ in range(20):
                told = ask(port)
                assert (
                    told["holdfast_tick_seconds_count", ()]
                    == told["holdfast_tick_seconds_bucket", (("le", "+Inf"),)]
                )
    finally:
        done.set()
        worker.join()


def test_metrics__are_gone_when_left() -> None:
    with prometheus.served(Meters(), "127.0.0.1", 0) as port:
        ask(port)
    with pytest.raises(urllib.error.URLError):
        ask(port)


def test_metrics__a_port_that_is_taken_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(errors.PortBusy) as caught, prometheus.served(Meters(), "127.0.0.1", port):
            pass
    assert caught.value.facts["port"] == port
