"""The last copies of a ledger before it is destroyed: a dump that was found whole, and a snapshot that is available.

Neither counts because something said so: the manifest must be of after the desks stopped and name an object of just
that size, a drill restores it where the stage is protected, and RDS must call the snapshot available.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from deploy import oneoff, standing
from deploy.errors import DeployError, Refused, TaskFailed, TaskNotStarted, TaskOverrun
from deploy.oneoff import Place
from deploy.site import Site
from deploy.standing import Note, Standing

DUMPS = "pg_dump/"
MANIFEST, DUMP = ".json", ".dump"
BACKUP_SECONDS_MAX = 6 * 3600
SNAPSHOT_SECONDS_MAX = 4 * 3600


class NotBackedUp(Refused):
    """The ledger is not safe yet: {reason} Nothing was deleted; the desks are stopped. Put that right and run the same
    command again; or say WITHOUT_BACKUP=yes if the ledger may be lost."""


def place_of(found: Standing) -> Place:
    return Place(
        cluster=found.output("platform", "ClusterName"),
        subnets=tuple(found.output("network", "DeskSubnets").split(",")),
        groups=(found.output("network", "TaskSecurityGroup"),),
        public=found.stage.egress == "public-ip",
    )


def back_up(site: Site, found: Standing, note: Note) -> Note:
    """The tries are counted before the task starts: after a kill the same try is found again, not a second started."""
    note = standing.record_note(site.cloud, site.bucket, note)
    _run(site, found, note, kind="backup", output="BackupTaskArn")
    name = _find(site, found, note)
    return standing.record_note(site.cloud, site.bucket, replace(note, backup=name))


def prove(site: Site, found: Standing, note: Note) -> Note:
    _run(site, found, note, kind="drill", output="DrillTaskArn")
    site.timeline.tell("drill", f"dump {note.backup} was restored and compared with its manifest")
    return standing.record_note(site.cloud, site.bucket, replace(note, proved=True))


def _run(site: Site, found: Standing, note: Note, *, kind: str, output: str) -> None:
    try:
        oneoff.run(
            site,
            kind=kind,
            place=place_of(found),
            task_definition=found.output("tasks", output),
            client_token=oneoff.token(note.database, kind, str(note.quiet_at), str(note.tries)),
            seconds_max=BACKUP_SECONDS_MAX,
        )
    except (TaskFailed, TaskNotStarted, TaskOverrun) as fault:
        again = note if isinstance(fault, TaskOverrun) else replace(note, tries=note.tries + 1)
        standing.record_note(site.cloud, site.bucket, again)
        raise NotBackedUp(reason=str(fault)) from fault


def _find(site: Site, found: Standing, note: Note) -> str:
    """The newest manifest of after the stop, with the object that it names beside it and of its size."""
    bucket = found.output("data", "DumpBucket")
    names = [
        each["Key"]
        for each in site.cloud.pages("s3", "ListObjectsV2", "Contents", Bucket=bucket, Prefix=DUMPS)
        if each["Key"].endswith(MANIFEST)
    ]
    try:
        if not names:
            raise NotBackedUp(reason=f"the task ended well, and there is no manifest in {bucket}.")
        return _check(site, bucket, max(names), note)
    except DeployError:
        standing.record_note(site.cloud, site.bucket, replace(note, tries=note.tries + 1))
        raise


def _check(site: Site, bucket: str, key: str, note: Note) -> str:
    manifest: Mapping[str, Any] = json.loads(
        site.cloud.call("s3", "GetObject", Bucket=bucket, Key=key)["Body"]
    )
    taken_at = datetime.fromisoformat(manifest["taken_at"])
    if note.quiet_at is None or taken_at < note.quiet_at:
        raise NotBackedUp(reason=f"the newest dump, {key}, was taken before the desks stopped.")
    dump = f"{DUMPS}{manifest['name']}{DUMP}"
    sizes = [
        each["Size"]
        for each in site.cloud.pages("s3", "ListObjectsV2", "Contents", Bucket=bucket, Prefix=dump)
        if each["Key"] == dump
    ]
    if sizes != [manifest["size"]]:
        found = f"{sizes[0]} bytes" if sizes else "nothing"
        raise NotBackedUp(reason=f"{key} names a dump of {manifest['size']} bytes, and there is {found}.")
    site.timeline.tell("backup", f"{dump}: {manifest['size']} bytes, SHA-256 {manifest['sha256']}")
    return str(manifest["name"])


# --- the snapshot ---------------------------------------------------------------------------------------------------


def take_snapshot(site: Site, found: Standing, note: Note) -> Note:
    """Its name is made of the instant of the stop: after a kill it is found again."""
    assert found.database is not None
    assert note.quiet_at is not None
    database = found.database
    name = f"{found.stage.prefix}-final-{note.quiet_at:%Y%m%dt%H%M%Sz}"
    status = _status(site, name, database.is_cluster)
    if not status:
        tags = [{"Key": "holdfast:stage", "Value": found.stage.name}]
        if database.is_cluster:
            site.cloud.call(
                "rds",
                "CreateDBClusterSnapshot",
                DBClusterSnapshotIdentifier=name,
                DBClusterIdentifier=database.name,
                Tags=tags,
            )
        else:
            site.cloud.call(
                "rds",
                "CreateDBSnapshot",
                DBSnapshotIdentifier=name,
                DBInstanceIdentifier=database.name,
                Tags=tags,
            )
    _await(site, name, database.is_cluster)
    site.timeline.tell("rds", f"snapshot {name} is available")
    return standing.record_note(site.cloud, site.bucket, replace(note, snapshot=name))


def _await(site: Site, name: str, is_cluster: bool) -> None:
    deadline = site.clock.now().timestamp() + SNAPSHOT_SECONDS_MAX
    told = ""
    while (status := _status(site, name, is_cluster)) != "available":
        if status != told:
            site.timeline.tell("rds", f"snapshot {name} is {status}")
            told = status
        if status not in ("creating", "backing-up", "modifying"):
            raise NotBackedUp(reason=f"the snapshot {name} is {status or 'gone'}.")
        if site.clock.now().timestamp() > deadline:
            raise NotBackedUp(
                reason=f"the snapshot {name} is still {status} after {SNAPSHOT_SECONDS_MAX} seconds."
            )
        site.wait()


def _status(site: Site, name: str, is_cluster: bool) -> str:
    """From the list, not by name: a name that is not there would be an error for each kind."""
    if is_cluster:
        clusters = site.cloud.pages(
            "rds", "DescribeDBClusterSnapshots", "DBClusterSnapshots", SnapshotType="manual"
        )
        return next((each["Status"] for each in clusters if each["DBClusterSnapshotIdentifier"] == name), "")
    found = site.cloud.pages("rds", "DescribeDBSnapshots", "DBSnapshots", SnapshotType="manual")
    return next((each["Status"] for each in found if each["DBSnapshotIdentifier"] == name), "")
