"""Works out what a template says once its references are filled in: the functions that our templates use, no more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

NOTHING = object()


@dataclass(frozen=True)
class Scope:
    """What a template's references lead to."""

    pseudo: Mapping[str, Any]
    parameters: Mapping[str, Any]
    ref: Callable[[str], Any]
    attribute: Callable[[str, str], Any]
    imported: Callable[[str], str]
    conditions: Mapping[str, Any]


def resolve(value: Any, scope: Scope) -> Any:
    match value:
        case {"Ref": name}:
            return _ref(name, scope)
        case dict() if len(value) == 1 and next(iter(value)).startswith("Fn::"):
            name, argument = next(iter(value.items()))
            return _function(name, argument, scope)
        case dict():
            found = {key: resolve(each, scope) for key, each in value.items()}
            return {key: each for key, each in found.items() if each is not NOTHING}
        case list():
            return [each for each in (resolve(one, scope) for one in value) if each is not NOTHING]
        case _:
            return value


def _ref(name: str, scope: Scope) -> Any:
    if name == "AWS::NoValue":
        return NOTHING
    if name in scope.pseudo:
        return scope.pseudo[name]
    return scope.parameters[name] if name in scope.parameters else scope.ref(name)


def _function(name: str, argument: Any, scope: Scope) -> Any:
    match name:
        case "Fn::GetAtt":
            return scope.attribute(*(argument.split(".", 1) if isinstance(argument, str) else argument))
        case "Fn::ImportValue":
            return scope.imported(resolve(argument, scope))
        case "Fn::If":
            holds = condition(scope.conditions[argument[0]], scope)
            return resolve(argument[1 if holds else 2], scope)
        case "Fn::GetAZs":
            return [f"{scope.pseudo['AWS::Region']}{letter}" for letter in "abc"]
    filled = resolve(argument, scope)
    match name:
        case "Fn::Join":
            return str(filled[0]).join(str(each) for each in filled[1])
        case "Fn::Select":
            return filled[1][int(filled[0])]
        case "Fn::Split":
            return filled[1].split(filled[0])
        case "Fn::Base64":
            return filled
        case _:
            raise NotImplementedError(f"the simulation does not know {name}")


def condition(value: Any, scope: Scope) -> bool:
    match value:
        case {"Fn::Equals": [left, right]}:
            return str(resolve(left, scope)) == str(resolve(right, scope))
        case {"Fn::Not": [inner]}:
            return not condition(inner, scope)
        case {"Fn::And": parts}:
            return all(condition(each, scope) for each in parts)
        case {"Fn::Or": parts}:
            return any(condition(each, scope) for each in parts)
        case {"Condition": name}:
            return condition(scope.conditions[name], scope)
        case _:
            raise NotImplementedError(f"the simulation does not know the condition {value!r}")
