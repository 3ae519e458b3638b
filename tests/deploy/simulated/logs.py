"""CloudWatch Logs: groups, streams, and events that arrive when they arrive, which may be after their task has gone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.deploy.simulated.account import Refusal, Standing

Asked = Mapping[str, Any]


@dataclass
class Group:
    name: str
    retention_days: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    streams: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return sum(len(text) + 26 for lines in self.streams.values() for _, text in lines)


class Logs:
    """A page of events holds few, so that whoever reads one page loses the rest."""

    page_size = 3

    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self.groups: dict[str, Group] = {}

    def write(self, group: str, stream: str, text: str, *, late_seconds: float = 0) -> None:
        """A line of a task. `late_seconds` is how long it takes until it can be read."""
        at = self.standing.clock.now()

        def arrive() -> None:
            if group in self.groups:
                self.groups[group].streams.setdefault(stream, []).append((at, text))

        self.standing.clock.after(late_seconds, arrive)

    def _group(self, name: str) -> Group:
        if name not in self.groups:
            raise Refusal("ResourceNotFoundException", "The specified log group does not exist.")
        return self.groups[name]

    def describe_log_groups(self, asked: Asked) -> dict[str, Any]:
        start = asked.get("logGroupNamePrefix", "")
        found = [each for name, each in sorted(self.groups.items()) if name.startswith(start)]
        return {"logGroups": [self._shown(each) for each in found]}

    def _shown(self, group: Group) -> dict[str, Any]:
        kept = {"retentionInDays": group.retention_days} if group.retention_days else {}
        arn = self.standing.arn("logs", f"log-group:{group.name}:*")
        return {"logGroupName": group.name, "storedBytes": group.size, "arn": arn, **kept}

    def delete_log_group(self, asked: Asked) -> dict[str, Any]:
        del self.groups[self._group(asked["logGroupName"]).name]
        return {}

    def describe_log_streams(self, asked: Asked) -> dict[str, Any]:
        streams = self._group(asked["logGroupName"]).streams
        start = asked.get("logStreamNamePrefix", "")
        return {"logStreams": [{"logStreamName": each} for each in sorted(streams) if each.startswith(start)]}

    def get_log_events(self, asked: Asked) -> dict[str, Any]:
        """Never an empty token: the end is where the token that was given comes back."""
        streams = self._group(asked["logGroupName"]).streams
        if asked["logStreamName"] not in streams:
            raise Refusal("ResourceNotFoundException", "The specified log stream does not exist.")
        lines = streams[asked["logStreamName"]]
        if "nextToken" in asked:
            start = int(asked["nextToken"].partition("/")[2])
        else:
            start = 0 if asked.get("startFromHead") else max(0, len(lines) - self.page_size)
        end = min(len(lines), start + self.page_size)
        return {
            "events": [_event(at, text) for at, text in lines[start:end]],
            "nextForwardToken": f"f/{end}",
            "nextBackwardToken": f"b/{start}",
        }

    def filter_log_events(self, asked: Asked) -> dict[str, Any]:
        """Patterns are taken as what a line must hold: their words, without quotes."""
        streams = self._group(asked["logGroupName"]).streams
        wanted, start = asked.get("logStreamNames"), asked.get("logStreamNamePrefix", "")
        word = asked.get("filterPattern", "").strip('"')
        since, until = asked.get("startTime", 0), asked.get("endTime", 1 << 62)
        found = [
            {**_event(at, text), "logStreamName": name}
            for name, lines in sorted(streams.items())
            if (not wanted or name in wanted) and name.startswith(start)
            for at, text in lines
            if word in text and since <= at.timestamp() * 1000 < until
        ]
        return {"events": found}


def _event(at: datetime, text: str) -> dict[str, Any]:
    milliseconds = int(at.timestamp() * 1000)
    return {"timestamp": milliseconds, "message": text, "ingestionTime": milliseconds}
