"""Tells Prometheus when it asks: `/metrics` over HTTP, everything in the table, written by Prometheus' own client.

It opens one port, on this machine's own address unless told otherwise, and promises that a question changes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Metric,
    generate_latest,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from runtime import errors
from runtime.telemetry.meters import BOUNDS, Meters
from runtime.telemetry.table import Kind


class Collected(Collector):
    """The meters as Prometheus' client wants them, at the moment of the question."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters

    def collect(self) -> Iterator[Metric]:
        for metric, held in self._meters.values().items():
            family = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
            told = family(metric.prometheus_name, metric.says, labels=metric.labels)
            for labels, value in held.items():
                told.add_metric(labels, float(value))
            yield told
        for metric, (buckets, total_seconds) in self._meters.durations().items():
            counts, below = [], 0
            for bound, count in zip((*map(str, BOUNDS), "+Inf"), buckets, strict=True):
                below += count
                counts.append((bound, below))
            yield HistogramMetricFamily(
                metric.prometheus_name, metric.says, buckets=counts, sum_value=total_seconds
            )


def registry(meters: Meters) -> CollectorRegistry:
    collected = CollectorRegistry(auto_describe=False)
    collected.register(Collected(meters))
    return collected


def render(meters: Meters) -> tuple[bytes, str]:
    """What an answer to Prometheus says, and its content type, for whoever has a server already."""
    return generate_latest(registry(meters)), CONTENT_TYPE_LATEST


@contextmanager
def served(meters: Meters, host: str, port: int) -> Iterator[int]:
    """Answer until left; the port that is listened on, for 0 lets the machine choose."""
    try:
        server, thread = start_http_server(port, host, registry(meters))
    except OSError as fault:
        raise errors.PortBusy(host=host, port=port, setting="HOLDFAST_METRICS_PORT") from fault
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
