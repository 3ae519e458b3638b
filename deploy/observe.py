"""What a stage is: AWS asked with describe, list, get and head alone, as a frozen `Observed`.

Nothing here changes anything, so it may be asked at any time; a deploy that is run again begins by asking again.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from deploy import buckets, pauses
from deploy import lock as locks
from deploy.bundle import Desired
from deploy.cloud import Cloud
from deploy.errors import AwsRefused
from deploy.releases import Release, fetch_all, living, running

ABSENT = "ABSENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveStack:
    name: str
    stack_id: str
    status: str
    reason: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    template: Mapping[str, Any] = field(default_factory=dict)
    protected: bool = False
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveDesk:
    """An ECS service as it stands. `deployment` and `deployment_status` are of its newest ServiceDeployment."""

    name: str
    service: str
    desired: int
    running: int
    pending: int
    task_definition: str
    status: str = "ACTIVE"
    deployment: str = ""
    deployment_status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image of the registry; `pushed_at` decides which is the newest."""

    digest: str
    tags: tuple[str, ...] = ()
    pushed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """`stacks` by their names in CloudFormation; `digest` is what the Bot stack runs now, or nothing."""

    account_id: str
    region: str
    bucket: str
    bucket_exists: bool = False
    stacks: Mapping[str, LiveStack] = field(default_factory=dict)
    desks: Mapping[str, LiveDesk] = field(default_factory=dict)
    releases: tuple[Release, ...] = ()
    lock: locks.Held | None = None
    paused: frozenset[str] = frozenset()
    image: Image | None = None

    @property
    def release(self) -> Release | None:
        return running(self.releases)

    @property
    def schema(self) -> str:
        """The head of the database, as the newest receipt that knew it says."""
        return next((each.schema for each in living(self.releases) if each.schema), "")

    def output(self, stack_name: str, key: str) -> str:
        stack = self.stacks.get(stack_name)
        return stack.outputs.get(key, "") if stack else ""


def observe(cloud: Cloud, desired: Desired, *, wish: str = "") -> Observed:
    """`wish` names an image: a digest, a tag, or nothing for the newest that has a tag."""
    bucket = buckets.state_bucket(desired.stage.name, cloud)
    there = buckets.exists(cloud, bucket)
    stacks = {each.name: each for each in fetch_stacks(cloud, desired.stage.prefix)}
    return Observed(
        account_id=cloud.account_id,
        region=cloud.region,
        bucket=bucket,
        bucket_exists=there,
        stacks=stacks,
        desks={each.name: each for each in fetch_desks(cloud, desired, stacks)},
        releases=fetch_all(cloud, bucket) if there else (),
        lock=locks.fetch(cloud, bucket) if there else None,
        paused=pauses.fetch(cloud, bucket) if there else frozenset(),
        image=fetch_image(cloud, desired, stacks, wish),
    )


def repository(desired: Desired, stacks: Mapping[str, LiveStack]) -> str:
    platform = stacks.get(desired.stack("Platform").name)
    return platform.outputs.get("RepositoryUri", "").partition("/")[2] if platform else ""


def fetch_image(cloud: Cloud, desired: Desired, stacks: Mapping[str, LiveStack], wish: str) -> Image | None:
    name = repository(desired, stacks)
    if not name:
        return None
    kind = "imageDigest" if wish.startswith("sha256:") else "imageTag"
    options: dict[str, Any] = {"imageIds": [{kind: wish}]} if wish else {"filter": {"tagStatus": "TAGGED"}}
    try:
        found = list(cloud.pages("ecr", "DescribeImages", "imageDetails", repositoryName=name, **options))
    except AwsRefused as fault:
        if fault.code in ("ImageNotFoundException", "RepositoryNotFoundException"):
            return None
        raise
    images = [Image(digest=each["imageDigest"], tags=tuple(each.get("imageTags", ())),
                    pushed_at=each.get("imagePushedAt")) for each in found]  # fmt: skip
    return max(images, key=lambda each: each.pushed_at.timestamp() if each.pushed_at else 0, default=None)


# --- stacks ---------------------------------------------------------------------------------------------------------


def fetch_stacks(cloud: Cloud, prefix: str) -> Iterator[LiveStack]:
    """Every stack of the stage, whether it is wanted still or not, with its template."""
    for each in cloud.pages("cloudformation", "DescribeStacks", "Stacks"):
        if each["StackName"].startswith(f"{prefix}-") and each["StackStatus"] != "DELETE_COMPLETE":
            yield parse_stack(each, template=fetch_template(cloud, each["StackName"]))


def fetch_stack(cloud: Cloud, name: str) -> LiveStack | None:
    """One stack, without its template; a stack id finds also one that is gone by now."""
    try:
        found = cloud.call("cloudformation", "DescribeStacks", StackName=name)["Stacks"]
    except AwsRefused as fault:
        if fault.code == "ValidationError" and "does not exist" in fault.said:
            return None
        raise
    return parse_stack(found[0])


def fetch_template(cloud: Cloud, name: str) -> Mapping[str, Any]:
    try:
        body = cloud.call("cloudformation", "GetTemplate", StackName=name)["TemplateBody"]
    except AwsRefused as fault:
        # A stack whose first change set was never executed has none.
        if fault.code == "ValidationError":
            return {}
        raise
    found: Mapping[str, Any] = json.loads(body) if isinstance(body, str) else body
    return found


def parse_stack(found: Mapping[str, Any], *, template: Mapping[str, Any] | None = None) -> LiveStack:
    return LiveStack(
        name=found["StackName"],
        stack_id=found["StackId"],
        status=found["StackStatus"],
        reason=found.get("StackStatusReason", ""),
        parameters={
            each["ParameterKey"]: each.get("ParameterValue", "") for each in found.get("Parameters", ())
        },
        outputs={each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())},
        template=template or {},
        protected=bool(found.get("EnableTerminationProtection")),
        updated_at=found.get("LastUpdatedTime") or found.get("CreationTime"),
    )


# --- desks ----------------------------------------------------------------------------------------------------------


def fetch_desks(cloud: Cloud, desired: Desired, stacks: Mapping[str, LiveStack]) -> Iterator[LiveDesk]:
    platform, bot = (stacks.get(desired.stack(each).name) for each in ("Platform", "Bot"))
    cluster = platform.outputs.get("ClusterName", "") if platform else ""
    for desk in desired.desks:
        service = bot.outputs.get(desk.service_output, "") if bot else ""
        found = (
            fetch_desk(cloud, desk.name, cluster=cluster, service=service) if cluster and service else None
        )
        if found:
            yield found


def fetch_desk(cloud: Cloud, name: str, *, cluster: str, service: str) -> LiveDesk | None:
    answer = cloud.call("ecs", "DescribeServices", cluster=cluster, services=[service])
    found = next((each for each in answer["services"] if each["status"] != "INACTIVE"), None)
    if found is None:
        return None
    newest = next(iter(fetch_deployments(cloud, cluster=cluster, service=service)), {})
    return LiveDesk(
        name=name,
        service=service,
        desired=found["desiredCount"],
        running=found["runningCount"],
        pending=found["pendingCount"],
        task_definition=found["taskDefinition"],
        status=found["status"],
        deployment=newest.get("serviceDeploymentArn", ""),
        deployment_status=newest.get("status", ""),
    )


def fetch_deployments(cloud: Cloud, *, cluster: str, service: str) -> list[dict[str, Any]]:
    """The ServiceDeployments of a service, the newest first. botocore has no paginator for them."""
    found: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    while True:
        page = cloud.call("ecs", "ListServiceDeployments", cluster=cluster, service=service, **more)
        found += page.get("serviceDeployments", ())
        if not page.get("nextToken"):
            return sorted(found, key=lambda each: each["createdAt"], reverse=True)
        more = {"nextToken": page["nextToken"]}
