"""Task definitions as ECS keeps them: a family, its revisions, and what CloudFormation writes in its own spelling."""

from dataclasses import dataclass, field
from typing import Any

# Maps whose keys are the user's own words.
FREE_MAPS = frozenset({"options", "dockerLabels", "driverOpts", "labels"})


@dataclass(slots=True)
class Definition:
    arn: str
    family: str
    revision: int
    document: dict[str, Any]
    tags: list[dict[str, str]] = field(default_factory=list)
    is_active: bool = True

    def describe(self) -> dict[str, Any]:
        return {
            **self.document,
            "taskDefinitionArn": self.arn,
            "family": self.family,
            "revision": self.revision,
            "status": "ACTIVE" if self.is_active else "INACTIVE",
            "compatibilities": ["EC2", "FARGATE"],
        }


def check(document: dict[str, Any]) -> str:
    """Why ECS, or the rehearsal, does not take such a definition; nothing if it does."""
    volumes = {each["name"] for each in document.get("volumes", [])}
    for container in document.get("containerDefinitions", []):
        driver = container.get("logConfiguration", {}).get("logDriver", "none")
        if driver != "awslogs":
            return f"The rehearsal knows the log driver awslogs, not {driver}."
        unknown = {each["sourceVolume"] for each in container.get("mountPoints", [])} - volumes
        if unknown:
            return f"Unknown volume '{unknown.pop()}'."
    return ""


def spell_as_api(given: Any, *, is_free: bool = False) -> Any:
    """CloudFormation's spelling (TaskRoleArn) in that of the API (taskRoleArn), at every depth."""
    if isinstance(given, dict):
        return {
            (key if is_free else lower_first(key)): spell_as_api(value, is_free=lower_first(key) in FREE_MAPS)
            for key, value in given.items()
        }
    return [spell_as_api(each) for each in given] if isinstance(given, list) else given


def lower_first(key: str) -> str:
    # EFSVolumeConfiguration is efsVolumeConfiguration, IAM is iam.
    capitals = len(key) - len(key.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    if capitals == len(key):
        return key.lower()
    head = max(1, capitals - 1)
    return key[:head].lower() + key[head:]
