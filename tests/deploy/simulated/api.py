"""Holds every request and every answer to what the AWS API is, as botocore's own models describe it.

A simulation that could say what AWS never says would prove nothing: an unknown member, a wrong type, a missing required
one or a word that is none of an enumeration's fails the test that met it.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import DataNotFoundError
from botocore.model import OperationModel, Shape
from botocore.validate import ParamValidator

SESSION = botocore.session.get_session()


class NotTheApi(AssertionError):
    """What was asked or answered is not in the API."""


@cache
def operation_of(service: str, name: str) -> OperationModel:
    """By its name in Python, `describe_stacks`, or the API's own, `DescribeStacks`."""
    model = SESSION.get_service_model(service)
    for each in model.operation_names:
        if name in (each, xform_name(each)):
            return model.operation_model(each)
    raise NotTheApi(f"{service} has no operation {name}")


@cache
def paginators(service: str) -> Mapping[str, Mapping[str, Any]]:
    try:
        found = SESSION.get_component("data_loader").load_service_model(service, "paginators-1")
    except DataNotFoundError:
        return {}
    return dict(found["pagination"])


def check_request(operation: OperationModel, arguments: Mapping[str, Any]) -> None:
    _check(operation.name, "was asked", arguments, operation.input_shape)


def check_answer(operation: OperationModel, answer: Mapping[str, Any]) -> None:
    _check(operation.name, "was made to answer", answer, operation.output_shape)


def _check(name: str, what: str, value: Mapping[str, Any], shape: Shape | None) -> None:
    if shape is None:
        faults = [f"nothing belongs there, not {sorted(value)}"] if value else []
    else:
        report = ParamValidator().validate(value, shape)
        faults = [report.generate_report()] if report.has_errors() else []
        faults += _strange_words(value, shape, "")
    if faults:
        raise NotTheApi(f"{name} {what} what is not in the API: {' '.join(faults)}")


def _strange_words(value: Any, shape: Any, where: str) -> Iterator[str]:
    """botocore does not hold texts to their enumerations; AWS does."""
    match shape.type_name, value:
        case "structure", Mapping():
            for name, each in value.items():
                if name in shape.members:
                    yield from _strange_words(each, shape.members[name], f"{where}.{name}")
        case "list", list() | tuple():
            for number, each in enumerate(value):
                yield from _strange_words(each, shape.member, f"{where}[{number}]")
        case "map", Mapping():
            for name, each in value.items():
                yield from _strange_words(each, shape.value, f"{where}.{name}")
        case "string", str() if shape.enum and value not in shape.enum:
            yield f"{where} is {value!r}, none of {', '.join(shape.enum)}."
        case _:
            return
