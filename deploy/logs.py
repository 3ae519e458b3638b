"""logs: the lines of the containers, newest last; --follow goes on until it is interrupted.

A line may arrive up to half a minute late. Who follows therefore looks back a little, and shows each line once.
"""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from deploy.cloud import Cloud
from deploy.errors import AwsRefused, BadUsage, Refused
from deploy.observe import fetch_stack
from deploy.site import Site

KINDS = ("desk", "api", "migrate", "backup", "drill", "retention")
LATE_SECONDS = 60
SPAN = re.compile(r"(\d+)([smhd])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Said:
    """A line of a container: `stream` is container/kind/task."""

    at: datetime
    stream: str
    text: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", choices=KINDS, default="desk", help="whose lines (default: the desks')")
    parser.add_argument("--desk", default="", help="of this desk alone")
    parser.add_argument("--since", default="15m", help="how far back: 30s, 15m, 6h, 2d")
    parser.add_argument("--grep", default="", help="lines that hold this text alone")
    parser.add_argument("--follow", action="store_true", help="go on showing what comes")


def run(site: Site, args: argparse.Namespace) -> int:
    group, stream = find_group(site, args.kind), f"desk-{args.desk}/" if args.desk else ""
    since = site.clock.now() - read_span(args.since)
    shown: set[Said] = set()
    while True:
        for line in fetch(site.cloud, group, stream=stream, since=since, grep=args.grep):
            if line not in shown:
                shown.add(line)
                site.timeline.tell(line.stream.partition("/")[0], line.text, at=line.at)
        if not args.follow:
            return 0
        since = max(since, site.clock.now() - timedelta(seconds=LATE_SECONDS))
        shown = {each for each in shown if each.at >= since}
        site.wait()


def find_group(site: Site, kind: str) -> str:
    """Its name carries a mark of the stack that made it; the stack's output knows it."""
    name = site.read_templates().stack("Platform").name
    platform = fetch_stack(site.cloud, name)
    group = platform.outputs.get(f"{kind.title()}LogGroup", "") if platform else ""
    if not group:
        raise Refused(detail=f"stack {name} names no log group for {kind}; deploy the stage first.")
    return group


def read_span(text: str) -> timedelta:
    found = SPAN.fullmatch(text)
    if found is None:
        raise BadUsage(detail=f"--since {text!r:.20} is no span of time: write 30s, 15m, 6h or 2d.")
    return timedelta(seconds=int(found[1]) * SECONDS[found[2]])


def fetch(cloud: Cloud, group: str, *, stream: str = "", since: datetime, grep: str = "") -> Iterator[Said]:
    """In the order of their time. A group that nothing has written to yet has no lines."""
    options = {"logStreamNamePrefix": stream} if stream else {}
    if grep:
        # In quotes it is a text and no pattern.
        options["filterPattern"] = '"{}"'.format(grep.replace('"', '\\"'))
    milliseconds = int(since.timestamp() * 1000)
    try:
        found = [
            Said(
                datetime.fromtimestamp(each["timestamp"] / 1000, UTC), each["logStreamName"], each["message"]
            )
            for each in cloud.pages(
                "logs", "FilterLogEvents", "events", logGroupName=group, startTime=milliseconds, **options
            )
        ]
    except AwsRefused as fault:
        if fault.code != "ResourceNotFoundException":
            raise
        return
    yield from sorted(found, key=lambda each: each.at)
