"""What a task prints, delivered as ECS's awslogs driver does: a stream for each container, lines in small batches.

Metrics that are written as log lines (CloudWatch's embedded metric format) are put as metrics too, since the simulated
CloudWatch does not look into its logs.
"""

import json
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

from deploy.rehearsal.cloud.neighbours import Neighbours, Refused

BATCH_SECONDS = 0.2
BATCH_LINES = 200
END = None


class Stream:
    """One container's stream. `close` returns when the last line was delivered."""

    def __init__(self, neighbours: Neighbours, *, group: str, name: str) -> None:
        self._neighbours = neighbours
        self._group = group
        self._name = name
        self._lines: queue.Queue[tuple[int, str] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._deliver, name=f"logs {name}", daemon=True)

    def open(self) -> None:
        """Raises Refused where there is no such group, which keeps a task from starting."""
        self._neighbours.logs("CreateLogStream", logGroupName=self._group, logStreamName=self._name)
        self._thread.start()

    def write(self, line: str) -> None:
        self._lines.put((int(time.time() * 1000), line or " "))

    def close(self) -> None:
        self._lines.put(END)
        self._thread.join()

    def _deliver(self) -> None:
        for batch in self._batches():
            events = [{"timestamp": at, "message": line} for at, line in batch]
            try:
                self._neighbours.logs(
                    "PutLogEvents", logGroupName=self._group, logStreamName=self._name, logEvents=events
                )
                for _, line in batch:
                    self._put_metrics(line)
            except Refused as fault:
                # The group was deleted under a task that still runs: what it says is lost, on AWS as here.
                print(f"rehearsal: {self._name}: {fault}", flush=True)

    def _batches(self) -> Iterator[list[tuple[int, str]]]:
        """Whatever came within a moment, until the end."""
        ended = False
        while not ended:
            batch = [self._lines.get()]
            deadline = time.monotonic() + BATCH_SECONDS
            while batch[-1] is not END and len(batch) < BATCH_LINES:
                try:
                    batch.append(self._lines.get(timeout=max(0.0, deadline - time.monotonic())))
                except queue.Empty:
                    break
            ended = batch[-1] is END
            lines = [each for each in batch if each is not None]
            if lines:
                yield lines

    def _put_metrics(self, line: str) -> None:
        if '"_aws"' not in line:
            return
        try:
            document = json.loads(line)
            directives = document["_aws"]["CloudWatchMetrics"]
        except (ValueError, KeyError, TypeError):
            return
        for directive in directives:
            for data in _metric_data(document, directive):
                self._neighbours.put_metric_data(directive["Namespace"], data)


def _metric_data(document: dict[str, Any], directive: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """One list of data for each set of dimensions."""
    for names in directive.get("Dimensions", [[]]):
        dimensions = [{"Name": name, "Value": str(document[name])} for name in names]
        yield [
            {
                "MetricName": metric["Name"],
                "Dimensions": dimensions,
                "Value": value,
                "Unit": metric.get("Unit", "None"),
            }
            for metric in directive["Metrics"]
            for value in _values(document.get(metric["Name"]))
        ]


def _values(found: object) -> list[float]:
    """A metric is a number or a list of numbers; its unit is never money."""
    numbers = found if isinstance(found, list) else [found]
    return [float(each) for each in numbers if isinstance(each, int | float)]
