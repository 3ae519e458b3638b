"""What somebody changed by hand, as CloudFormation's drift detection tells it: asked for, waited for, then read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.deploy.simulated.account import Refusal, Standing
from tests.deploy.simulated.stack_parts import Stack

Asked = Mapping[str, Any]
SECONDS = 20


@dataclass(frozen=True)
class Drift:
    """`path` is empty for a resource that was deleted."""

    logical: str
    type: str
    path: str = ""
    expected: str = ""
    actual: str = ""


class Drifts:
    """Beside the simulated CloudFormation, whose stacks it `find`s; `drifted` is by the stack's name."""

    def __init__(self, standing: Standing, find: Callable[[str], Stack]) -> None:
        self.standing, self.find = standing, find
        self.drifted: dict[str, list[Drift]] = {}
        self.unreadable: set[str] = set()
        self._asked: dict[str, tuple[Stack, float]] = {}

    def detect_stack_drift(self, asked: Asked) -> dict[str, Any]:
        stack, number = self.find(asked["StackName"]), f"drift-{len(self._asked)}"
        self._asked[number] = (stack, self.standing.clock.now().timestamp() + SECONDS)
        return {"StackDriftDetectionId": number}

    def describe_stack_drift_detection_status(self, asked: Asked) -> dict[str, Any]:
        stack, ready = self._asked[asked["StackDriftDetectionId"]]
        told = {
            "StackId": stack.id,
            "StackDriftDetectionId": asked["StackDriftDetectionId"],
            "Timestamp": self.standing.clock.now(),
        }
        if self.standing.clock.now().timestamp() < ready:
            return {**told, "DetectionStatus": "DETECTION_IN_PROGRESS"}
        if stack.name in self.unreadable:
            reason = "You don't have permission to read AWS::KMS::Key."
            return {**told, "DetectionStatus": "DETECTION_FAILED", "DetectionStatusReason": reason}
        status = "DRIFTED" if self.drifted.get(stack.name) else "IN_SYNC"
        return {**told, "DetectionStatus": "DETECTION_COMPLETE", "StackDriftStatus": status}

    def describe_stack_resource_drifts(self, asked: Asked) -> dict[str, Any]:
        stack = self.find(asked["StackName"])
        if "StackResourceDriftStatusFilters" not in asked:
            raise Refusal("ValidationError", "a scenario reads what differs, not all")
        return {"StackResourceDrifts": [self._shown(stack, each) for each in self.drifted[stack.name]]}

    def _shown(self, stack: Stack, drift: Drift) -> dict[str, Any]:
        differences = [
            {
                "PropertyPath": drift.path,
                "ExpectedValue": drift.expected,
                "ActualValue": drift.actual,
                "DifferenceType": "NOT_EQUAL",
            }
        ]
        return {
            "StackId": stack.id,
            "LogicalResourceId": drift.logical,
            "ResourceType": drift.type,
            "PropertyDifferences": differences if drift.path else [],
            "StackResourceDriftStatus": "MODIFIED" if drift.path else "DELETED",
            "Timestamp": self.standing.clock.now(),
        }
