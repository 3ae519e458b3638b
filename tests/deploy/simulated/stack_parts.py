"""The parts that the simulated CloudFormation is made of: stacks, change sets, events, and how each goes on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tests.deploy.simulated.resources import Resource


@dataclass(frozen=True)
class Course:
    """How the next execution or deletion of a stack goes. `fails` is the reason; `hidden` shows it to DescribeEvents
    alone; `stops_at` is a status in which it stays, as after a rollback that failed."""

    seconds: float = 20
    fails: str = ""
    hidden: bool = False
    stops_at: str = ""
    refused: str = ""


@dataclass
class Event:
    at: datetime
    logical: str
    type: str
    status: str
    reason: str = ""


@dataclass(eq=False)
class ChangeSet:
    name: str
    id: str
    stack: str
    kind: str
    template: dict[str, Any]
    parameters: dict[str, str]
    tags: dict[str, str]
    status: str = "CREATE_COMPLETE"
    reason: str = ""
    on_failure: str = ""
    adopts: bool = False
    changes: list[dict[str, Any]] = field(default_factory=list)
    executed: bool = False
    hidden: str = ""


@dataclass(eq=False)
class Stack:
    name: str
    id: str
    created_at: datetime
    status: str
    template: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    exports: dict[str, str] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    resources: dict[str, Resource] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    hidden_events: list[str] = field(default_factory=list)
    reason: str = ""
    protected: bool = False
    # What it was before the operation that is under way, and is again when that is rolled back.
    before: "Stack | None" = None

    def remember(self) -> None:
        self.before = replace(self, resources=dict(self.resources), outputs=dict(self.outputs))

    def restore(self) -> None:
        if self.before:
            self.template, self.parameters, self.tags = (
                self.before.template,
                self.before.parameters,
                self.before.tags,
            )
            self.resources, self.outputs = dict(self.before.resources), dict(self.before.outputs)

    def say(self, at: datetime, logical: str, status: str, reason: str = "") -> None:
        kind = "AWS::CloudFormation::Stack"
        if logical == self.name:
            self.status, self.reason = status, reason
        elif logical in self.resources:
            kind = self.resources[logical].type
        self.events.append(Event(at, logical, kind, status, reason))


def show_stack(stack: Stack) -> dict[str, Any]:
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "CreationTime": stack.created_at,
        "StackStatus": stack.status,
        "EnableTerminationProtection": stack.protected,
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()
        ],
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in stack.outputs.items()],
        "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
    } | ({"StackStatusReason": stack.reason} if stack.reason else {})


def changes_between(
    before: Mapping[str, Resource], after: Mapping[str, Resource]
) -> Iterator[dict[str, Any]]:
    for name, resource in after.items():
        old = before.get(name)
        if old is None:
            yield _change("Add", resource)
        elif old.properties != resource.properties:
            yield _change(
                "Modify", resource, replaced=resource.physical != old.physical or resource.is_replaced
            )
    for name, resource in before.items():
        if name not in after:
            yield _change("Remove", resource)


def _change(action: str, resource: Resource, *, replaced: bool = False) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "Action": action,
        "LogicalResourceId": resource.logical,
        "PhysicalResourceId": resource.physical,
        "ResourceType": resource.type,
    }
    if action == "Add":
        shown.pop("PhysicalResourceId")
    if action == "Modify":
        shown |= {"Replacement": "True" if replaced else "False", "Scope": ["Properties"]}
    return {"Type": "Resource", "ResourceChange": shown}
