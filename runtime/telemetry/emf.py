"""Tells CloudWatch by lines on standard output, in its embedded metric format: no agent, no call, no credentials.

A line is one of the log's: an instant, a level, an event. What the table marks becomes a metric with the dimensions
Env and Bot; everything else in the line can only be searched for, and costs nothing but its bytes.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TextIO

from runtime.telemetry.meters import Labels, Meters, Spread, Value
from runtime.telemetry.table import METRICS, Kind, Metric

NAMESPACE = "Holdfast"
DIMENSIONS = ("Env", "Bot")
EVENT = "telemetry"
# A deploy believes a new task when it has told of its first tick, and should not wait a whole interval for that.
FIRST_SECONDS = 10.0
_DIGITS = 6

Told = Mapping[Metric, Mapping[Labels, Value]]


class Writer:
    """Writes a line when one is due. `stage` and `desk` are its dimensions; of `sends` CloudWatch makes metrics."""

    def __init__(
        self,
        meters: Meters,
        *,
        stage: str,
        desk: str,
        every_seconds: float,
        sends: Sequence[Metric] = METRICS,
        out: TextIO | None = None,
    ) -> None:
        self._meters = meters
        self._dimensions = dict(zip(DIMENSIONS, (stage, desk), strict=True))
        self._every_seconds = every_seconds
        self._sends = sends
        self._out = out or sys.stdout
        self._before: Told = {}
        self._due_at = time.monotonic() + min(every_seconds, FIRST_SECONDS)

    @property
    def is_due(self) -> bool:
        return self.due_in_seconds <= 0

    @property
    def due_in_seconds(self) -> float:
        return self._due_at - time.monotonic()

    def flush(self) -> None:
        """Tell what came together since the last line. One write, so that no line of the log gets in between."""
        self._due_at = time.monotonic() + self._every_seconds
        now = self._meters.values()
        spreads = self._meters.take_spreads()
        fields = render(_since(self._before, now), spreads, self._dimensions, sends=self._sends)
        self._before = now
        self._out.write(json.dumps(fields, ensure_ascii=False) + "\n")
        self._out.flush()


def render(
    values: Told,
    spreads: Mapping[Metric, Spread],
    dimensions: Mapping[str, str],
    at: datetime | None = None,
    *,
    sends: Sequence[Metric] = METRICS,
) -> dict[str, Any]:
    """The line's fields. A metric without a value is left out: CloudWatch refuses a line that names one it lacks."""
    at = at or datetime.now(UTC)
    told = [each for each in sends if each.in_cloudwatch and (each in spreads or _is_told(each, values))]
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": each.name, "Unit": each.unit} for each in told],
    }
    return {
        "_aws": {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [directive]},
        "at": at.isoformat(timespec="milliseconds"),
        "level": "info",
        "event": EVENT,
        **dimensions,
        **{each.name: _numbers(held) for each, held in values.items() if held},
        # CloudWatch knows one number of a metric: what it is told apart by stands beside it.
        **{each.name: sum(values[each].values()) for each in told if each.labels},
        **{f"{each.name}By": _numbers(values[each]) for each in told if each.labels},
        **{each.name: _durations(each, spread) for each, spread in spreads.items()},
    }


def _is_told(metric: Metric, values: Told) -> bool:
    held = values.get(metric, {})
    return any(held.values()) if metric.is_rare else bool(held)


def _since(before: Told, now: Told) -> Told:
    """Counters as what was added, gauges as they are."""
    return {
        metric: {
            labels: value - before.get(metric, {}).get(labels, 0)  # type: ignore[operator]  # both are whole numbers
            for labels, value in held.items()
        }
        if metric.kind is Kind.COUNTER
        else held
        for metric, held in now.items()
    }


def _numbers(held: Mapping[Labels, Value]) -> Any:
    """One number where nothing is told apart, else a number for each label."""
    return _number(held[()]) if () in held else {"/".join(key): _number(value) for key, value in held.items()}


def _number(value: Value) -> float | int | str:
    # Money stays a text, as everywhere in JSON: it is only read here, and never summed up.
    return f"{value:f}" if isinstance(value, Decimal) else round(value, _DIGITS)


def _durations(metric: Metric, spread: Spread) -> Any:
    """CloudWatch makes its own percentiles of a sample; whoever reads the line gets them made."""
    scale = metric.per_second
    if metric.in_cloudwatch:
        return [round(each * scale, _DIGITS) for each in spread.sample]
    shown = {"p50": spread.quantile(0.5), "p99": spread.quantile(0.99), "max": spread.longest}
    return {"count": spread.count} | {name: round(each * scale, _DIGITS) for name, each in shown.items()}
