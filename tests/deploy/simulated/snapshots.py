"""RDS's snapshots: they take their time, and may never come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.deploy.simulated.account import Refusal, Standing

Asked = Mapping[str, Any]


@dataclass
class Database:
    """An instance, a cluster, or a member of one."""

    name: str
    storage_gb: int = 20
    protected: bool = True
    status: str = "available"
    engine: str = "postgres"
    cluster: str = ""
    key: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Snapshot:
    name: str
    of: str
    at: datetime
    storage_gb: int
    status: str = "creating"
    key: str = ""
    by_whom: str = "manual"
    tags: dict[str, str] = field(default_factory=dict)


class Snapshots:
    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self.instances: dict[str, Database] = {}
        self.clusters: dict[str, Database] = {}
        self.snapshots: dict[str, Snapshot] = {}
        # Seconds until a snapshot is available; None: it never is. And what it ends as.
        self.snapshot_seconds: float | None = 240
        self.snapshot_status = "available"

    @staticmethod
    def _found(all_of_them: Mapping[str, Any], name: str | None, code: str) -> list[Any]:
        if name is None:
            return list(all_of_them.values())
        if name not in all_of_them:
            raise Refusal(code, f"{name} not found.", 404)
        return [all_of_them[name]]

    def _snapshot(self, name: str, of: Database) -> Snapshot:
        if name in self.snapshots:
            raise Refusal("DBSnapshotAlreadyExists", f"Cannot create the snapshot because {name} exists.")
        made = Snapshot(name, of.name, self.standing.clock.now(), of.storage_gb, key=of.key)
        self.snapshots[name] = made

        def end() -> None:
            made.status = self.snapshot_status

        if self.snapshot_seconds is not None:
            self.standing.clock.after(self.snapshot_seconds, end)
        return made

    def create_db_snapshot(self, asked: Asked) -> dict[str, Any]:
        (of,) = self._found(self.instances, asked["DBInstanceIdentifier"], "DBInstanceNotFound")
        made = self._snapshot(asked["DBSnapshotIdentifier"], of)
        made.tags = {each["Key"]: each["Value"] for each in asked.get("Tags", ())}
        return {"DBSnapshot": self._shown(made)}

    def create_db_cluster_snapshot(self, asked: Asked) -> dict[str, Any]:
        (of,) = self._found(self.clusters, asked["DBClusterIdentifier"], "DBClusterNotFoundFault")
        return {
            "DBClusterSnapshot": self._shown_cluster(self._snapshot(asked["DBClusterSnapshotIdentifier"], of))
        }

    def describe_db_snapshots(self, asked: Asked) -> dict[str, Any]:
        own = {name: each for name, each in self.snapshots.items() if each.of not in self.clusters}
        found = self._found(own, asked.get("DBSnapshotIdentifier"), "DBSnapshotNotFound")
        of, kind = asked.get("DBInstanceIdentifier"), asked.get("SnapshotType")
        return {
            "DBSnapshots": [
                self._shown(each) for each in found if of in (None, each.of) and kind in (None, each.by_whom)
            ]
        }

    def describe_db_cluster_snapshots(self, asked: Asked) -> dict[str, Any]:
        own = {name: each for name, each in self.snapshots.items() if each.of in self.clusters}
        found = self._found(own, asked.get("DBClusterSnapshotIdentifier"), "DBClusterSnapshotNotFoundFault")
        return {"DBClusterSnapshots": [self._shown_cluster(each) for each in found]}

    def delete_db_snapshot(self, asked: Asked) -> dict[str, Any]:
        (found,) = self._found(self.snapshots, asked["DBSnapshotIdentifier"], "DBSnapshotNotFound")
        del self.snapshots[found.name]
        return {"DBSnapshot": self._shown(found)}

    def delete_db_cluster_snapshot(self, asked: Asked) -> dict[str, Any]:
        name = asked["DBClusterSnapshotIdentifier"]
        (found,) = self._found(self.snapshots, name, "DBClusterSnapshotNotFoundFault")
        del self.snapshots[found.name]
        return {"DBClusterSnapshot": self._shown_cluster(found)}

    def _shown(self, each: Snapshot) -> dict[str, Any]:
        return {
            "DBSnapshotIdentifier": each.name,
            "DBInstanceIdentifier": each.of,
            "DBSnapshotArn": self.standing.arn("rds", f"snapshot:{each.name}"),
            "SnapshotCreateTime": each.at,
            "AllocatedStorage": each.storage_gb,
            "Status": each.status,
            "SnapshotType": each.by_whom,
            "Encrypted": True,
            "PercentProgress": 100 if each.status == "available" else 40,
            "TagList": show_tags(each.tags),
        } | ({"KmsKeyId": each.key} if each.key else {})

    def _shown_cluster(self, each: Snapshot) -> dict[str, Any]:
        return {
            "DBClusterSnapshotIdentifier": each.name,
            "DBClusterIdentifier": each.of,
            "DBClusterSnapshotArn": self.standing.arn("rds", f"cluster-snapshot:{each.name}"),
            "SnapshotCreateTime": each.at,
            "AllocatedStorage": each.storage_gb,
            "Status": each.status,
            "SnapshotType": each.by_whom,
            "StorageEncrypted": True,
            "TagList": show_tags(each.tags),
        }


def show_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
