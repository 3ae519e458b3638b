"""exec: run one command of the program inside, as a task of its own with a desk's or another task's settings and role.

    python -m deploy exec --stage prod --minutes 10 -- verify

It opens no shell and no port: the container's root stays read-only, nothing has to be switched on, no desk restarts.
It is bounded in time, recorded in the stage's bucket, and its exit code is passed through.
"""

import argparse
import json
from uuid import uuid4

from deploy import oneoff
from deploy.errors import BadUsage, Refused, TaskFailed, TaskOverrun
from deploy.observe import Observed, observe
from deploy.site import Site

FOLDER = "exec/"
KINDS = ("migrate", "backup", "drill", "retention")
MINUTES_MAX = 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--desk", default="", help="with the settings of this desk (default: the first)")
    parser.add_argument("--kind", choices=KINDS, help="with those of this task instead, and its role")
    parser.add_argument("--minutes", type=int, default=15, help=f"it is stopped then; at most {MINUTES_MAX}")
    parser.add_argument("--reason", default="", help="for the record")
    parser.add_argument("command", nargs="+", help="what follows `python -m runtime`")


def run(site: Site, args: argparse.Namespace) -> int:
    if not 1 <= args.minutes <= MINUTES_MAX:
        raise BadUsage(detail=f"--minutes {args.minutes} is not between 1 and {MINUTES_MAX}.")
    desired = site.read_templates()
    observed = observe(site.cloud, desired)
    label = args.kind or f"desk-{args.desk or desired.desks[0].name}"
    key = f"{FOLDER}{site.clock.now():%Y%m%dT%H%M%SZ}-{uuid4().hex[:8]}.json"
    _record(site, key, who=site.owner, what=args.command, as_=label, reason=args.reason, outcome="started")
    try:
        oneoff.run(
            site,
            kind=label,
            place=oneoff.place_of(desired, observed),
            task_definition=_definition(site, observed, args),
            client_token=uuid4().hex,
            command=args.command,
            seconds_max=args.minutes * 60,
        )
    except TaskFailed as fault:
        _record(
            site, key, who=site.owner, what=args.command, as_=label, reason=args.reason, outcome=str(fault)
        )
        if not isinstance(fault.facts["code"], int):
            raise
        return int(fault.facts["code"])
    except TaskOverrun as fault:
        cluster = oneoff.place_of(desired, observed).cluster
        site.cloud.call(
            "ecs", "StopTask", cluster=cluster, task=fault.facts["task"], reason="its time was over"
        )
        _record(
            site, key, who=site.owner, what=args.command, as_=label, reason=args.reason, outcome="stopped"
        )
        raise Refused(detail=f"it still ran after {args.minutes} minutes and was stopped.") from fault
    _record(site, key, who=site.owner, what=args.command, as_=label, reason=args.reason, outcome="done")
    return 0


def _definition(site: Site, observed: Observed, args: argparse.Namespace) -> str:
    """What runs now: the task definition of the desk's service, or of the one-off task."""
    desired = site.read_templates()
    if args.kind:
        found = observed.output(desired.stack("Tasks").name, f"{args.kind.title()}TaskArn")
    else:
        live = observed.desks.get(args.desk or desired.desks[0].name)
        found = live.task_definition if live else ""
    if not found:
        raise Refused(detail=f"stage {site.stage.name} has no such task on AWS yet; deploy it first.")
    return found


def _record(site: Site, key: str, **facts: object) -> None:
    body = json.dumps({**facts, "at": site.clock.now().isoformat()}).encode()
    site.cloud.call("s3", "PutObject", Bucket=site.bucket, Key=key, Body=body, ContentType="application/json")
