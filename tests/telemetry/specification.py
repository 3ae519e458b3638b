"""CloudWatch's embedded metric format as its specification states it: the faults of a line, in sentences.

Written from the published text (root node, metadata object, metric directive, metric definition, limits), and stricter
where CloudWatch would accept a line and show nothing.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

LINE_BYTES_MAX = 256 * 1024
METRICS_MAX = 100
DIMENSIONS_MAX = 30
VALUES_MAX = 100
NAME_LENGTH_MAX = 1024
DIMENSION_LENGTH_MAX = 250
_SIZES = ("Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes")
_BITS = ("Bits", "Kilobits", "Megabits", "Gigabits", "Terabits")
UNITS = frozenset(
    (
        *("Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "None", "Count/Second"),
        *_SIZES,
        *_BITS,
        *(f"{each}/Second" for each in (*_SIZES, *_BITS)),
    )
)
METADATA = {"Timestamp", "CloudWatchMetrics"}
DIRECTIVE = {"Namespace", "Dimensions", "Metrics"}
DEFINITION = {"Name", "Unit", "StorageResolution"}


def faults_of(line: str) -> list[str]:
    if len(line.encode()) > LINE_BYTES_MAX:
        return [f"has {len(line.encode())} bytes"]
    try:
        root = json.loads(line, parse_constant=lambda name: f"not a number: {name}")
    except ValueError as fault:
        return [f"is no JSON: {fault}"]
    if not isinstance(root, dict) or not isinstance(root.get("_aws"), dict):
        return ["has no object _aws"]
    return list(_metadata(root["_aws"], root))


def _metadata(metadata: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[str]:
    if set(metadata) != METADATA:
        yield f"_aws holds {sorted(metadata)}"
        return
    if type(metadata["Timestamp"]) is not int or not 1e12 < metadata["Timestamp"] < 1e13:
        yield "Timestamp is no whole number of milliseconds since 1970"
    if not metadata["CloudWatchMetrics"]:
        yield "there is no directive"
    for directive in metadata["CloudWatchMetrics"]:
        yield from _directive(directive, root)


def _directive(directive: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[str]:
    if set(directive) != DIRECTIVE:
        yield f"a directive holds {sorted(directive)}"
        return
    if not 1 <= len(directive["Namespace"]) <= NAME_LENGTH_MAX or directive["Namespace"].startswith("AWS/"):
        yield f"the namespace is {directive['Namespace']!r:.40}"
    names = [each.get("Name") for each in directive["Metrics"]]
    if not 1 <= len(names) <= METRICS_MAX or len(set(names)) != len(names):
        yield f"the directive names {len(names)} metrics, {len(set(names))} different ones"
    for dimensions in directive["Dimensions"]:
        if not 1 <= len(dimensions) <= DIMENSIONS_MAX:
            yield f"a set of {len(dimensions)} dimensions"
        for name in dimensions:
            yield from _dimension(name, root)
    for definition in directive["Metrics"]:
        yield from _metric(definition, root)


def _dimension(name: str, root: Mapping[str, Any]) -> Iterator[str]:
    value = root.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= NAME_LENGTH_MAX:
        yield f"the dimension {name} is {value!r:.40}"
    if not 1 <= len(name) <= DIMENSION_LENGTH_MAX:
        yield "the name of a dimension is too long"


def _metric(definition: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[str]:
    name = definition.get("Name", "")
    if not set(definition) <= DEFINITION or not 1 <= len(name) <= NAME_LENGTH_MAX:
        yield f"a metric is defined by {sorted(definition)}"
    if definition.get("Unit", "None") not in UNITS:
        yield f"{name} has the unit {definition['Unit']!r:.40}"
    if definition.get("StorageResolution", 60) not in (1, 60):
        yield f"{name} has an odd resolution"
    value = root.get(name)
    numbers = value if isinstance(value, list) else [value]
    if not 1 <= len(numbers) <= VALUES_MAX or any(type(each) not in (int, float) for each in numbers):
        yield f"{name} is {value!r:.40}, not up to {VALUES_MAX} numbers"
