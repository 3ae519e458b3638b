"""What there is to tell while one waits: each feed asks AWS for what is new since it last asked, and tells it once.

Events of a stack, events and stopped tasks of a service, lines of a container's log. A feed decides nothing.
"""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from deploy.errors import AwsRefused
from deploy.site import Site

TAIL_LINES = 20
LAST_WORDS = 3
TASKS_A_CALL = 100
SAID_CHARACTERS_MAX = 200
# Of a line of ours these say nothing that the timeline does not say.
UNTOLD = frozenset(("at", "level", "event", "_aws"))
CANCELLED = "Resource creation cancelled", "Resource update cancelled"


@dataclass(slots=True)
class StackEvents:
    """From where the stack stood when the feed was made. `failures` are what went wrong since then."""

    site: Site
    stack: str
    label: str
    failures: list[str] = field(default_factory=list)
    told: int = 0
    _last: str = ""

    def skip(self) -> None:
        """What has happened so far is not news."""
        self._last = next((each["EventId"] for each in self._events()), "")

    def look(self) -> None:
        fresh = []
        for each in self._events():
            if each["EventId"] == self._last:
                break
            fresh.append(each)
        self._last = fresh[0]["EventId"] if fresh else self._last
        for each in reversed(fresh):
            self._tell(each)

    def _events(self) -> Iterator[dict[str, Any]]:
        """The newest first; a stack that is not there yet has none."""
        try:
            yield from self.site.cloud.pages(
                "cloudformation", "DescribeStackEvents", "StackEvents", StackName=self.stack
            )
        except AwsRefused as fault:
            if fault.code != "ValidationError":
                raise

    def _tell(self, event: Mapping[str, Any]) -> None:
        status, resource = event.get("ResourceStatus", ""), event.get("LogicalResourceId", "")
        reason = event.get("ResourceStatusReason", "")
        self.told += 1
        if status.endswith("FAILED") and not reason.startswith(CANCELLED):
            self.failures.append(f"{resource} {status}: {reason}")
        said = f"{status:<28} {resource}{f': {reason}' if reason else ''}"
        self.site.timeline.tell(self.label, said, at=event.get("Timestamp"), kind="stack")


@dataclass(slots=True)
class DeskEvents:
    """What ECS says of a service, and why tasks of it stopped."""

    site: Site
    cluster: str
    service: str
    label: str
    stopped: dict[str, str] = field(default_factory=dict)
    last_words: str = ""
    _seen: set[str] = field(default_factory=set)

    def skip(self) -> None:
        self._seen = {each["id"] for each in self._events()}
        for task in self._describe(self._stopped_arns()):
            if task["lastStatus"] == "STOPPED":
                self.stopped[task["taskArn"]] = "before"

    def look(self) -> None:
        for each in sorted(self._events(), key=lambda event: event["createdAt"]):
            if each["id"] not in self._seen:
                self._seen.add(each["id"])
                self.site.timeline.tell(self.label, each["message"], at=each["createdAt"], kind="ecs")
        fresh = [arn for arn in self._stopped_arns() if arn not in self.stopped]
        for task in self._describe(fresh):
            # ECS lists a task as stopped as soon as that is wanted; why it stopped is known when it has.
            if task["lastStatus"] == "STOPPED":
                self.stopped[task["taskArn"]] = task["taskDefinitionArn"]
                said = f"task {task_id(task)} stopped: {why_stopped(task)}"
                self.site.timeline.tell(self.label, said, at=task.get("stoppedAt"), kind="task")
                self._tell_last_words(task)

    def _tell_last_words(self, task: Mapping[str, Any]) -> None:
        """Of a task that ended by itself: why it did stands in its log more often than in ECS's reason."""
        if task.get("stopCode") != "EssentialContainerExited":
            return
        found = self.site.cloud.call(
            "ecs", "DescribeTaskDefinition", taskDefinition=task["taskDefinitionArn"]
        )
        for tail in log_tails(self.site, found["taskDefinition"], task["taskArn"], self.label).values():
            if lines := tail.last():
                self.last_words = " ".join(lines[-LAST_WORDS:])

    def stopped_of(self, task_definition: str) -> int:
        return sum(each == task_definition for each in self.stopped.values())

    def _events(self) -> list[dict[str, Any]]:
        answer = self.site.cloud.call(
            "ecs", "DescribeServices", cluster=self.cluster, services=[self.service]
        )
        return [event for each in answer["services"] for event in each.get("events", ())]

    def _describe(self, arns: list[str]) -> Iterator[dict[str, Any]]:
        for at in range(0, len(arns), TASKS_A_CALL):
            some = arns[at : at + TASKS_A_CALL]
            yield from self.site.cloud.call("ecs", "DescribeTasks", cluster=self.cluster, tasks=some)["tasks"]

    def _stopped_arns(self) -> list[str]:
        return list(
            self.site.cloud.pages(
                "ecs",
                "ListTasks",
                "taskArns",
                cluster=self.cluster,
                serviceName=self.service,
                desiredStatus="STOPPED",
            )
        )


@dataclass(slots=True)
class LogTail:
    """The lines of one stream, from its beginning. A stream is there only when its container has said something."""

    site: Site
    group: str
    stream: str
    label: str
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    _token: str = ""

    def look(self) -> list[str]:
        """The new lines. CloudWatch may give an empty page and more after it: only a repeated token is the end."""
        lines: list[str] = []
        while True:
            more: dict[str, Any] = {"nextToken": self._token} if self._token else {}
            try:
                page = self.site.cloud.call(
                    "logs",
                    "GetLogEvents",
                    logGroupName=self.group,
                    logStreamName=self.stream,
                    startFromHead=True,
                    **more,
                )
            except AwsRefused as fault:
                if fault.code == "ResourceNotFoundException":
                    return lines
                raise
            lines += [self._tell(each) for each in page["events"]]
            if page["nextForwardToken"] == self._token:
                return lines
            self._token = page["nextForwardToken"]

    def last(self) -> list[str]:
        """Its end alone, told; a container that crashes may have said much before."""
        return [render_line(self._tell(each)) for each in self.peek(from_head=False, limit=TAIL_LINES)]

    def peek(self, *, from_head: bool, limit: int) -> list[dict[str, Any]]:
        """Some events of one end of the stream, untold."""
        try:
            page = self.site.cloud.call(
                "logs",
                "GetLogEvents",
                logGroupName=self.group,
                logStreamName=self.stream,
                startFromHead=from_head,
                limit=limit,
            )
        except AwsRefused as fault:
            if fault.code == "ResourceNotFoundException":
                return []
            raise
        return list(page["events"])

    def drain(self, *, grace_seconds: float) -> list[str]:
        """To the last line: what a container said at its end takes some seconds to arrive."""
        lines = self.look()
        deadline = self.site.clock.now().timestamp() + grace_seconds
        while self.site.clock.now().timestamp() < deadline:
            self.site.wait(min(self.site.poll_seconds, grace_seconds))
            lines += self.look()
        return lines

    def _tell(self, event: Mapping[str, Any]) -> str:
        message = str(event["message"]).rstrip("\n")
        self.tail.append(message)
        at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
        self.site.timeline.tell(self.label, render_line(message), at=at, kind="log")
        return message


# --- a task ----------------------------------------------------------------------------------------------------------


def task_id(task: Mapping[str, Any]) -> str:
    return str(task["taskArn"]).rpartition("/")[2]


def why_stopped(task: Mapping[str, Any]) -> str:
    parts = [task.get("stopCode", ""), task.get("stoppedReason", "")]
    for each in task.get("containers", ()):
        said = [
            f"exit code {each['exitCode']}" if each.get("exitCode") is not None else "",
            each.get("reason", ""),
        ]
        if any(said):
            parts.append(f"{each['name']}: {', '.join(filter(None, said))}")
    return "; ".join(filter(None, parts)) or "ECS gives no reason"


def log_tails(site: Site, definition: Mapping[str, Any], task_arn: str, label: str) -> dict[str, LogTail]:
    """A tail for each container that writes to CloudWatch, by the container's name."""
    found = {}
    for each in definition["containerDefinitions"]:
        options = each.get("logConfiguration", {}).get("options", {})
        if "awslogs-group" in options:
            stream = f"{options['awslogs-stream-prefix']}/{each['name']}/{task_arn.rpartition('/')[2]}"
            found[each["name"]] = LogTail(site, options["awslogs-group"], stream, label)
    return found


def parse_line(line: str) -> Mapping[str, Any]:
    """The fields of a line of ours; nothing for any other line."""
    try:
        fields = json.loads(line)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def render_line(line: str) -> str:
    """A line of ours as its event and facts, any other as it is; neither longer than a person reads while waiting."""
    fields = parse_line(line)
    facts = [f"{name}={value}" for name, value in fields.items() if name not in UNTOLD]
    said = f"| {fields['event']} {' '.join(facts)}".rstrip() if "event" in fields else f"| {line}"
    return said if len(said) <= SAID_CHARACTERS_MAX else f"{said[:SAID_CHARACTERS_MAX]} ..."
