"""RDS: instances and clusters that are protected, and what becomes of them when they are deleted."""

from typing import Any

from tests.deploy.simulated.account import Refusal, Standing
from tests.deploy.simulated.snapshots import Asked, Database, Snapshots, show_tags


class Databases(Snapshots):
    def __init__(self, standing: Standing) -> None:
        super().__init__(standing)
        self.backups: dict[str, Database] = {}
        self.deleted_without_snapshot: list[str] = []
        self.deletion_seconds: float = 180

    # --- instances and clusters -------------------------------------------------------------------------------------

    def describe_db_instances(self, asked: Asked) -> dict[str, Any]:
        found = self._found(self.instances, asked.get("DBInstanceIdentifier"), "DBInstanceNotFound")
        return {"DBInstances": [self._instance(each) for each in found]}

    def describe_db_clusters(self, asked: Asked) -> dict[str, Any]:
        found = self._found(self.clusters, asked.get("DBClusterIdentifier"), "DBClusterNotFoundFault")
        return {"DBClusters": [self._cluster(each) for each in found]}

    def _instance(self, each: Database) -> dict[str, Any]:
        return {
            "DBInstanceIdentifier": each.name,
            "DBInstanceStatus": each.status,
            "DeletionProtection": each.protected,
            "Engine": each.engine,
            "AllocatedStorage": each.storage_gb,
            "DBInstanceArn": self.standing.arn("rds", f"db:{each.name}"),
            "DbiResourceId": f"db-{each.name.upper()}",
            "TagList": show_tags(each.tags),
            "Endpoint": {"Address": f"{each.name}.example", "Port": 5433},
            "MultiAZ": False,
        } | ({"DBClusterIdentifier": each.cluster} if each.cluster else {})

    def _cluster(self, each: Database) -> dict[str, Any]:
        return {
            "DBClusterIdentifier": each.name,
            "Status": each.status,
            "DeletionProtection": each.protected,
            "Engine": each.engine,
            "AllocatedStorage": each.storage_gb,
            "DBClusterArn": self.standing.arn("rds", f"cluster:{each.name}"),
            "TagList": show_tags(each.tags),
            "DBClusterMembers": [
                {"DBInstanceIdentifier": one.name, "IsClusterWriter": True}
                for one in self.instances.values()
                if one.cluster == each.name
            ],
        }

    def modify_db_instance(self, asked: Asked) -> dict[str, Any]:
        (found,) = self._found(self.instances, asked["DBInstanceIdentifier"], "DBInstanceNotFound")
        found.protected = asked.get("DeletionProtection", found.protected)
        return {"DBInstance": self._instance(found)}

    def modify_db_cluster(self, asked: Asked) -> dict[str, Any]:
        (found,) = self._found(self.clusters, asked["DBClusterIdentifier"], "DBClusterNotFoundFault")
        found.protected = asked.get("DeletionProtection", found.protected)
        return {"DBCluster": self._cluster(found)}

    def delete_db_instance(self, asked: Asked) -> dict[str, Any]:
        (found,) = self._found(self.instances, asked["DBInstanceIdentifier"], "DBInstanceNotFound")
        self._delete(self.instances, found, asked, "Cannot delete protected DB Instance")
        if not asked.get("DeleteAutomatedBackups", True):
            self.backups[found.name] = found
        return {"DBInstance": self._instance(found)}

    def delete_db_cluster(self, asked: Asked) -> dict[str, Any]:
        (found,) = self._found(self.clusters, asked["DBClusterIdentifier"], "DBClusterNotFoundFault")
        if any(each.cluster == found.name for each in self.instances.values()):
            raise Refusal(
                "InvalidDBClusterStateFault", "Cluster cannot be deleted, it still contains DB instances"
            )
        self._delete(self.clusters, found, asked, "Cannot delete protected Cluster")
        return {"DBCluster": self._cluster(found)}

    def _delete(self, where: dict[str, Database], found: Database, asked: Asked, protected: str) -> None:
        if found.protected:
            raise Refusal("InvalidParameterCombination", f"{protected}, please disable deletion protection")
        if found.status == "deleting":
            raise Refusal("InvalidDBInstanceState", f"{found.name} is already being deleted.")
        if not asked.get("SkipFinalSnapshot") and not found.cluster:
            self.snapshots[asked["FinalDBSnapshotIdentifier"]] = self._snapshot(
                asked["FinalDBSnapshotIdentifier"], found
            )
        elif not any(
            each.of == found.name and each.status == "available" for each in self.snapshots.values()
        ):
            self.deleted_without_snapshot.append(found.name)
        found.status = "deleting"
        self.standing.clock.after(self.deletion_seconds, lambda: where.pop(found.name, None))

    def describe_db_instance_automated_backups(self, asked: Asked) -> dict[str, Any]:
        return {
            "DBInstanceAutomatedBackups": [
                {
                    "DBInstanceIdentifier": each.name,
                    "Status": "retained",
                    "AllocatedStorage": each.storage_gb,
                    "DbiResourceId": f"db-{each.name.upper()}",
                    "DBInstanceArn": self.standing.arn("rds", f"db:{each.name}"),
                    "BackupRetentionPeriod": 35,
                }
                for each in self.backups.values()
                if asked.get("DBInstanceIdentifier") in (None, each.name)
            ]
        }

    def delete_db_instance_automated_backup(self, asked: Asked) -> dict[str, Any]:
        name = next(each for each in self.backups if f"db-{each.upper()}" == asked["DbiResourceId"])
        del self.backups[name]
        return {}
