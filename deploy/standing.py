"""What of a stage stands in the way of its end: stacks, services, the database, the images, and how far an earlier
destroy came. Asked with describe, list, get and head alone; after a kill it is simply asked again.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from deploy import buckets, inventory, releases
from deploy.cloud import Cloud
from deploy.cost import Prices
from deploy.errors import AwsRefused
from deploy.inventory import Thing
from deploy.observe import LiveStack, fetch_stacks
from deploy.releases import Release
from stacks.settings import Stage

NOTE = "destroy.json"
KEPT = ("Retain", "RetainExceptOnCreate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a destroy has proved so far, kept in the stage's bucket: since when nothing trades, and the last copies.

    It is of one database. `tries` counts the backups, so that one that failed is made anew and not found again.
    """

    database: str = ""
    quiet_at: datetime | None = None
    backup: str = ""
    proved: bool = False
    snapshot: str = ""
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """`members` are the instances of a cluster, which hold nothing themselves."""

    name: str
    status: str
    is_cluster: bool = False
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`doomed` are the physical names that go with their stacks; `running` has a count for each service; `images` are
    of the registries that go."""

    stage: Stage
    stacks: Mapping[str, LiveStack] = field(default_factory=dict)
    doomed: frozenset[str] = frozenset()
    running: Mapping[str, int] = field(default_factory=dict)
    database: Database | None = None
    images: Mapping[str, int] = field(default_factory=dict)
    things: tuple[Thing, ...] = ()
    note: Note = Note()
    last_release: Release | None = None

    def stack(self, name: str) -> LiveStack | None:
        return self.stacks.get(f"{self.stage.prefix}-{name}")

    def output(self, name: str, key: str) -> str:
        found = self.stack(name)
        return found.outputs.get(key, "") if found else ""

    @property
    def valid_note(self) -> Note:
        """Nothing of it counts if something has traded or was deployed since, or if it is of another database."""
        note = self.note
        stale = any(self.running.values()) or (
            note.quiet_at and self.last_release and self.last_release.at > note.quiet_at
        )
        other = self.database is not None and self.database.name != note.database
        return Note(tries=note.tries) if stale or other else note


def observe(cloud: Cloud, stage: Stage, prices: Prices) -> Standing:
    bucket = buckets.state_bucket(stage.name, cloud)
    there = buckets.exists(cloud, bucket)
    stacks = {each.name: each for each in fetch_stacks(cloud, stage.prefix)}
    rows = {name: _resources(cloud, stack) for name, stack in stacks.items()}
    found = Standing(
        stage=stage,
        stacks=stacks,
        doomed=frozenset(_doomed(stacks, rows)),
        database=_database(cloud, rows.get(f"{stage.prefix}-data", [])),
        things=inventory.fetch(cloud, stage, prices),
        note=fetch_note(cloud, bucket) if there else Note(),
        last_release=next(iter(releases.fetch_all(cloud, bucket)), None) if there else None,
    )
    return replace(
        found,
        running=dict(_services(cloud, found.output("platform", "ClusterName"))),
        images=dict(_images(cloud, found.doomed, rows.get(f"{stage.prefix}-platform", []))),
    )


def _services(cloud: Cloud, cluster: str) -> Iterator[tuple[str, int]]:
    """Every service of the cluster, a desk or not, with what it wants or still has."""
    if not cluster:
        return
    try:
        arns = list(cloud.pages("ecs", "ListServices", "serviceArns", cluster=cluster))
    except AwsRefused as fault:
        if fault.code == "ClusterNotFoundException":
            return
        raise
    for start in range(0, len(arns), 10):
        answer = cloud.call("ecs", "DescribeServices", cluster=cluster, services=arns[start : start + 10])
        for each in answer["services"]:
            if each["status"] == "ACTIVE":
                yield each["serviceName"], max(each["desiredCount"], each["runningCount"])


Rows = list[Mapping[str, Any]]


def _resources(cloud: Cloud, stack: LiveStack) -> Rows:
    rows = cloud.pages(
        "cloudformation", "ListStackResources", "StackResourceSummaries", StackName=stack.stack_id
    )
    return [
        each for each in rows if each["ResourceStatus"] != "DELETE_COMPLETE" and "PhysicalResourceId" in each
    ]


def _doomed(stacks: Mapping[str, LiveStack], rows: Mapping[str, Rows]) -> Iterator[str]:
    for name, stack in stacks.items():
        bodies = stack.template.get("Resources", {})
        for each in rows[name]:
            if bodies.get(each["LogicalResourceId"], {}).get("DeletionPolicy", "Delete") not in KEPT:
                yield each["PhysicalResourceId"]


def _named(rows: Rows, kind: str) -> list[str]:
    return [each["PhysicalResourceId"] for each in rows if each["ResourceType"] == kind]


def _database(cloud: Cloud, rows: Rows) -> Database | None:
    for name in _named(rows, "AWS::RDS::DBCluster"):
        return fetch_cluster(cloud, name)
    for name in _named(rows, "AWS::RDS::DBInstance"):
        return fetch_instance(cloud, name)
    return None


def fetch_instance(cloud: Cloud, name: str) -> Database | None:
    try:
        (found,) = cloud.call("rds", "DescribeDBInstances", DBInstanceIdentifier=name)["DBInstances"]
    except AwsRefused as fault:
        if fault.code in ("DBInstanceNotFound", "DBInstanceNotFoundFault"):
            return None
        raise
    return Database(name=name, status=found["DBInstanceStatus"])


def fetch_cluster(cloud: Cloud, name: str) -> Database | None:
    try:
        (found,) = cloud.call("rds", "DescribeDBClusters", DBClusterIdentifier=name)["DBClusters"]
    except AwsRefused as fault:
        if fault.code in ("DBClusterNotFound", "DBClusterNotFoundFault"):
            return None
        raise
    members = tuple(each["DBInstanceIdentifier"] for each in found.get("DBClusterMembers", ()))
    return Database(name=name, status=found["Status"], is_cluster=True, members=members)


def _images(cloud: Cloud, doomed: frozenset[str], rows: Rows) -> Iterator[tuple[str, int]]:
    """Registries that go with their stack: CloudFormation deletes none that still holds an image."""
    for name in _named(rows, "AWS::ECR::Repository"):
        if name in doomed:
            count = sum(1 for _ in fetch_images(cloud, name))
            if count:
                yield name, count


def fetch_images(cloud: Cloud, name: str) -> Iterator[dict[str, Any]]:
    try:
        yield from cloud.pages("ecr", "DescribeImages", "imageDetails", repositoryName=name)
    except AwsRefused as fault:
        if fault.code != "RepositoryNotFoundException":
            raise


# --- how far it came ------------------------------------------------------------------------------------------------


def fetch_note(cloud: Cloud, bucket: str) -> Note:
    try:
        told = json.loads(cloud.call("s3", "GetObject", Bucket=bucket, Key=NOTE)["Body"])
    except AwsRefused as fault:
        if fault.code in buckets.GONE:
            return Note()
        raise
    quiet = told.pop("quiet_at")
    return Note(quiet_at=datetime.fromisoformat(quiet) if quiet else None, **told)


def record_note(cloud: Cloud, bucket: str, note: Note) -> Note:
    told = {name: getattr(note, name) for name in Note.__dataclass_fields__}
    told["quiet_at"] = note.quiet_at.isoformat() if note.quiet_at else ""
    cloud.call(
        "s3",
        "PutObject",
        Bucket=bucket,
        Key=NOTE,
        Body=json.dumps(told).encode(),
        ContentType="application/json",
    )
    return note
