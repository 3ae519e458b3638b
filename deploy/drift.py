"""drift: ask CloudFormation what somebody changed by hand; exit code 6 if anything was.

A desk's count is changed by `pause` and by a deploy, and is no drift.
"""

import argparse
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from deploy.cloud import Cloud
from deploy.errors import AwsRefused, Refused, Unhealthy
from deploy.site import Site

SECONDS_MAX = 600
OURS = frozenset({("AWS::ECS::Service", "/DesiredCount")})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stack", default="", help="this one alone, by its short name: Network, Data, ...")


def run(site: Site, args: argparse.Namespace) -> int:
    desired = site.read_templates()
    names = [each.name for each in desired.stacks if args.stack in ("", each.id)]
    if not names:
        raise Refused(detail=f"there is no stack {args.stack!r:.40} in stage {site.stage.name}.")
    faults = []
    for name in names:
        for fault in find(site, name):
            site.timeline.tell("drift", fault)
            faults.append(fault)
    if faults:
        raise Unhealthy(count=len(faults), faults=" ".join(f"{each}." for each in faults))
    site.timeline.tell("drift", f"{len(names)} stacks are as their templates say")
    return 0


def find(site: Site, stack: str) -> Iterator[str]:
    """What differs, a sentence each. A stack that is not there has no drift."""
    try:
        asked = site.cloud.call("cloudformation", "DetectStackDrift", StackName=stack)[
            "StackDriftDetectionId"
        ]
    except AwsRefused as fault:
        if fault.code == "ValidationError" and "does not exist" in fault.said:
            return
        raise
    answer = _await(site, stack, asked)
    if answer["DetectionStatus"] == "DETECTION_FAILED":
        yield f"{stack} could not be looked at: {answer.get('DetectionStatusReason', 'no reason given')}"
    if answer.get("StackDriftStatus") == "DRIFTED":
        yield from _differences(site.cloud, stack)


def _await(site: Site, stack: str, asked: str) -> dict[str, Any]:
    deadline = site.clock.now() + timedelta(seconds=SECONDS_MAX)
    while True:
        answer = site.cloud.call(
            "cloudformation", "DescribeStackDriftDetectionStatus", StackDriftDetectionId=asked
        )
        if answer["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            return answer
        if site.clock.now() > deadline:
            raise Refused(
                detail=f"CloudFormation still looks at {stack} after {SECONDS_MAX} seconds; ask again."
            )
        site.wait()


def _differences(cloud: Cloud, stack: str) -> Iterator[str]:
    more: dict[str, Any] = {}
    while True:
        page = cloud.call(
            "cloudformation",
            "DescribeStackResourceDrifts",
            StackName=stack,
            StackResourceDriftStatusFilters=["MODIFIED", "DELETED"],
            **more,
        )
        for each in page["StackResourceDrifts"]:
            yield from _of_resource(stack, each)
        if not page.get("NextToken"):
            return
        more = {"NextToken": page["NextToken"]}


def _of_resource(stack: str, found: dict[str, Any]) -> Iterator[str]:
    where = f"{stack}: {found['LogicalResourceId']} ({found['ResourceType']})"
    if found["StackResourceDriftStatus"] == "DELETED":
        yield f"{where} was deleted"
    for each in found.get("PropertyDifferences", ()):
        if (found["ResourceType"], each["PropertyPath"]) not in OURS:
            yield f"{where} has {each['PropertyPath']} {each['ActualValue']}, not {each['ExpectedValue']}"
