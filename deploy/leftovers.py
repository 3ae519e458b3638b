"""What a destroy leaves behind, written down with what it costs; and what purges it, if somebody says so in words.

The receipt is an inventory made afresh after the last stack was gone, so that it lists what stands and not what was
meant to. A purge respects what is locked: it says until when, and takes nothing that a lock protects.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from deploy import inventory
from deploy.cloud import Cloud
from deploy.cost import Prices
from deploy.inventory import Thing
from deploy.site import Site

FOLDER = "leftovers/"
OBJECTS_AT_ONCE = 1000
KEY_DAYS = 30
LOCKED = frozenset("AccessDenied".split())


def record(site: Site, things: Sequence[Thing]) -> str:
    """The receipt's key in the stage's bucket; the bucket itself is among what it lists."""
    key = f"{FOLDER}{site.clock.now():%Y%m%dT%H%M%SZ}.json"
    told = {
        "at": site.clock.now().isoformat(),
        "usd_a_month": str(inventory.total(tuple(things))),
        "things": [
            {
                "kind": each.kind,
                "name": each.name,
                "usd": str(each.usd),
                "detail": each.detail,
                "removal": each.removal,
            }
            for each in things
        ],
    }
    site.cloud.call(
        "s3",
        "PutObject",
        Bucket=site.bucket,
        Key=key,
        Body=json.dumps(told, indent=1).encode(),
        ContentType="application/json",
    )
    return key


def tell(site: Site, things: Sequence[Thing], *, word: str = "stays") -> None:
    for each in things:
        site.timeline.tell(word, f"{each.usd:>8} USD a month: {each}")
        if each.removal:
            site.timeline.tell("", f"         to end it: {each.removal}")
    if things:
        site.timeline.tell(word, f"{inventory.total(tuple(things)):>8} USD a month together, list prices")


# --- purge ----------------------------------------------------------------------------------------------------------


def purge(site: Site, things: Sequence[Thing], prices: Prices) -> None:
    """Snapshots and dumps first; the key only when nothing is left that it protects."""
    for each in things:
        if each.kind != "key":
            _purge_one(site, each)
    left = [each for each in things if each.kind == "key"]
    protected = _still_protected(site, prices)
    for each in left:
        if protected:
            site.timeline.tell("purge", f"{each} is kept: it still protects {', '.join(protected)}")
        elif each.detail != "will be deleted":
            site.cloud.call("kms", "ScheduleKeyDeletion", KeyId=each.name, PendingWindowInDays=KEY_DAYS)
            site.timeline.tell("purge", f"key {each.name} will be deleted in {KEY_DAYS} days")


def _purge_one(site: Site, thing: Thing) -> None:
    cloud, name = site.cloud, thing.name
    match thing.kind:
        case "snapshot":
            cloud.call("rds", "DeleteDBSnapshot", DBSnapshotIdentifier=name)
        case "cluster snapshot":
            cloud.call("rds", "DeleteDBClusterSnapshot", DBClusterSnapshotIdentifier=name)
        case "automated backups":
            cloud.call("rds", "DeleteDBInstanceAutomatedBackup", DbiResourceId=name)
        case "log group":
            cloud.call("logs", "DeleteLogGroup", logGroupName=name)
        case "registry":
            cloud.call("ecr", "DeleteRepository", repositoryName=name, force=True)
        case "file system":
            cloud.call("efs", "DeleteFileSystem", FileSystemId=name)
        case "address":
            _release(cloud, name)
        case "bucket" if name != site.bucket:
            _purge_bucket(site, name)
            return
        case _:
            site.timeline.tell("purge", f"{thing} is kept; to end it: {thing.removal}")
            return
    site.timeline.tell("purge", f"{thing} is deleted")


def _release(cloud: Cloud, address: str) -> None:
    for each in cloud.call("ec2", "DescribeAddresses", PublicIps=[address])["Addresses"]:
        cloud.call("ec2", "ReleaseAddress", AllocationId=each["AllocationId"])


def _purge_bucket(site: Site, name: str) -> None:
    """Versions and delete markers, never past a retention: that would need a right that no deployer has."""
    refused: list[dict[str, Any]] = []
    for some in _in_parts(_versions(site.cloud, name)):
        answer = site.cloud.call("s3", "DeleteObjects", Bucket=name, Delete={"Objects": some, "Quiet": True})
        refused += answer.get("Errors", ())
    if not refused:
        site.cloud.call("s3", "DeleteBucket", Bucket=name)
        site.timeline.tell("purge", f"bucket {name} is deleted")
        return
    ends = [_retained_until(site.cloud, name, each) for each in refused]
    until = max((each for each in ends if each), default=None)
    why = f"locked until {until:%Y-%m-%d %H:%M} UTC" if until else f"refused with {refused[0].get('Code')}"
    site.timeline.tell("purge", f"bucket {name} is kept: {len(refused)} version(s) in it are {why}")


def _versions(cloud: Cloud, name: str) -> list[dict[str, str]]:
    rows = [
        *cloud.pages("s3", "ListObjectVersions", "Versions", Bucket=name),
        *cloud.pages("s3", "ListObjectVersions", "DeleteMarkers", Bucket=name),
    ]
    return [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in rows]


def _in_parts(rows: list[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    for start in range(0, len(rows), OBJECTS_AT_ONCE):
        yield rows[start : start + OBJECTS_AT_ONCE]


def _retained_until(cloud: Cloud, bucket: str, refused: dict[str, Any]) -> datetime | None:
    if refused.get("Code") not in LOCKED:
        return None
    found = cloud.call("s3", "HeadObject", Bucket=bucket, Key=refused["Key"], VersionId=refused["VersionId"])
    until: datetime | None = found.get("ObjectLockRetainUntilDate")
    return until


def _still_protected(site: Site, prices: Prices) -> list[str]:
    """Buckets are encrypted with the key, and so are snapshots: whatever of them stands needs it."""
    found = inventory.fetch(site.cloud, site.stage, prices)
    kinds = ("bucket", "snapshot", "cluster snapshot", "automated backups", "database", "database cluster")
    return [str(each) for each in found if each.kind in kinds and each.name != site.bucket]
