"""A snapshot of the database, taken once for its reason and waited for until it can be restored from.

An instance and an Aurora cluster are asked by different calls; everything else is the same.
"""

import re
from collections.abc import Mapping
from typing import Any

from deploy.errors import AwsRefused, SnapshotFailed
from deploy.site import Site

SNAPSHOT_SECONDS_MAX = 2 * 3600
THERE_ALREADY = frozenset(("DBSnapshotAlreadyExists", "DBClusterSnapshotAlreadyExistsFault"))


def name_of(prefix: str, reason: str, mark: str) -> str:
    """The same name for the same work, so that who is run again waits for it and takes no other."""
    return re.sub(r"[^a-z0-9]+", "-", f"{prefix}-{reason}-{mark[:8]}".lower()).strip("-")


def take(site: Site, *, database: str, snapshot: str) -> str:
    """Gives back the snapshot's ARN, when it is available."""
    cluster = site.stage.engine == "aurora"
    try:
        _create(site, database, snapshot, cluster=cluster)
    except AwsRefused as fault:
        if fault.code not in THERE_ALREADY:
            raise
    deadline = site.clock.now().timestamp() + SNAPSHOT_SECONDS_MAX
    status = ""
    while True:
        found = _describe(site, snapshot, cluster=cluster)
        if found["Status"] != status:
            status = found["Status"]
            site.timeline.tell("database", f"snapshot {snapshot} is {status}", kind="snapshot")
        if status == "available":
            return str(found["DBClusterSnapshotArn" if cluster else "DBSnapshotArn"])
        if status != "creating" or site.clock.now().timestamp() > deadline:
            raise SnapshotFailed(snapshot=snapshot, status=status)
        site.wait()


def _create(site: Site, database: str, snapshot: str, *, cluster: bool) -> None:
    tags = [{"Key": "holdfast:stage", "Value": site.stage.name}]
    if cluster:
        site.cloud.call(
            "rds",
            "CreateDBClusterSnapshot",
            DBClusterSnapshotIdentifier=snapshot,
            DBClusterIdentifier=database,
            Tags=tags,
        )
    else:
        site.cloud.call(
            "rds", "CreateDBSnapshot", DBSnapshotIdentifier=snapshot, DBInstanceIdentifier=database, Tags=tags
        )


def _describe(site: Site, snapshot: str, *, cluster: bool) -> Mapping[str, Any]:
    found: Mapping[str, Any]
    if cluster:
        answer = site.cloud.call("rds", "DescribeDBClusterSnapshots", DBClusterSnapshotIdentifier=snapshot)
        found = answer["DBClusterSnapshots"][0]
    else:
        answer = site.cloud.call("rds", "DescribeDBSnapshots", DBSnapshotIdentifier=snapshot)
        found = answer["DBSnapshots"][0]
    return found
