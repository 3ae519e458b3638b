"""ministack's records of RDS, joined to servers that run. Together with launcher.py the only file that knows ministack.

Its internals are private and pinned by requirements/rehearsal.txt; a test makes everything of our templates with them.
"""

import secrets
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ministack.services import rds
from ministack.services.cloudformation import provisioners

from deploy.rehearsal.cloud.databases import Databases, Wanted
from deploy.rehearsal.cloud.neighbours import Neighbours
from deploy.rehearsal.cloud.pace import Pace
from deploy.rehearsal.cloud.resources import Failed, Made, Properties, Type

Record = dict[str, Any]
Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

PROTECTED = (
    'Resource handler returned message: "Cannot delete protected DB Instance, please disable deletion protection '
    'and try again."'
)
PASSWORD_BYTES = 24


class SimulatedRds:
    """The handlers of AWS::RDS::DBInstance, and the calls of RDS that move a server."""

    def __init__(self, databases: Databases, neighbours: Neighbours, pace: Pace) -> None:
        self._databases = databases
        self._neighbours = neighbours
        self._pace = pace
        self._passwords: dict[str, str] = {}

    def type(self) -> Type:
        return Type(create=self.create, update=provisioners._rds_db_instance_update, delete=self.delete)

    def install(self) -> None:
        handler = {"create": self.create, "update": provisioners._rds_db_instance_update}
        handler |= {"update_with_logical_id": True, "delete": self.delete, "snapshot": self.snapshot_last}
        provisioners._RESOURCE_HANDLERS["AWS::RDS::DBInstance"] = handler
        plain_attributes, plain_xml = provisioners._rds_db_instance_attrs, rds._instance_xml
        provisioners._rds_db_instance_attrs = lambda record: {
            **plain_attributes(record),
            "MasterUserSecret.SecretArn": record.get("_master_secret", ""),
        }
        rds._instance_xml = lambda record: plain_xml(record) + _master_secret_xml(record)
        self._snapshot_record = rds._create_snapshot_internal
        rds._create_snapshot_internal = self.snapshot
        rds._finish_instance_reboot = self.finish_reboot
        for name, around in (
            ("DeleteDBInstance", self.delete_by_call),
            ("DeleteDBSnapshot", self.drop_snapshot),
            ("RestoreDBInstanceFromDBSnapshot", self.restore),
        ):
            rds._ACTION_MAP[name] = around(rds._ACTION_MAP[name])
        rds._ACTION_MAP["RestoreDBInstanceToPointInTime"] = self.restore_to_point_in_time
        rds._ACTION_MAP["DescribeDBInstanceAutomatedBackups"] = describe_automated_backups
        rds._ACTION_MAP["DeleteDBInstanceAutomatedBackup"] = delete_automated_backup

    # --- CloudFormation ---------------------------------------------------------------------------------------------

    def create(self, logical_id: str, given: Properties, stack: str) -> Made:
        if given.get("DBClusterIdentifier"):
            raise Failed("The rehearsal has no Aurora: it runs one PostgreSQL for one instance.")
        identifier, _ = provisioners._rds_db_instance_create(logical_id, given, stack)
        record = rds._instances[identifier]
        record["DBInstanceStatus"] = "creating"
        self._keep_password(record, given)
        record["Endpoint"]["Address"] = self._databases.host(identifier)
        self._databases.create(self._wanted(record), record["DBName"])
        record["DBInstanceStatus"] = "available"
        return identifier, provisioners._rds_db_instance_attrs(record)

    def delete(self, identifier: str, given: Properties) -> None:
        record = rds._instances.get(identifier)
        if record is not None and record.get("DeletionProtection"):
            raise Failed(PROTECTED)
        provisioners._rds_db_instance_delete(identifier, given)
        if record is not None:
            self._let_go(record)

    def snapshot_last(self, identifier: str, _: Properties) -> None:
        """What `DeletionPolicy: Snapshot` asks for; CloudFormation waits for it."""
        record = rds._instances.get(identifier)
        if record is None or record.get("DeletionProtection"):
            return
        name = f"{identifier}-final-{secrets.token_hex(6)}"
        self.snapshot(name, record)
        while rds._snapshots[name]["Status"] != "available":
            time.sleep(self._pace.steady_check_seconds)

    # --- calls ------------------------------------------------------------------------------------------------------

    def snapshot(self, name: str, record: Record) -> Record:
        """The record at once, in state `creating`; the copy in a thread of its own."""
        made: Record = self._snapshot_record(name, record)
        made["Status"], made["PercentProgress"] = "creating", 0
        identifier = record["DBInstanceIdentifier"]

        def copy() -> None:
            self._databases.snapshot(identifier, name)
            time.sleep(self._pace.snapshot_seconds)
            made["Status"], made["PercentProgress"] = "available", 100

        if identifier in self._databases.hosted:
            threading.Thread(target=copy, name=f"snapshot {name}", daemon=True).start()
        return made

    def finish_reboot(self, record: Record, _: object) -> None:
        """A reboot here is always a fail-over: the hard one of the two."""
        self._databases.fail_over(record["DBInstanceIdentifier"])
        rds._record_reboot_event(record)
        record["DBInstanceStatus"] = "available"

    def delete_by_call(self, plain: Callable[[Parameters], Answer]) -> Callable[[Parameters], Answer]:
        def delete(asked: Parameters) -> Answer:
            record = rds._resolve_instance(rds._p(asked, "DBInstanceIdentifier"))
            final = rds._p(asked, "FinalDBSnapshotIdentifier")
            answer = plain(asked)
            if answer[0] == 200:
                while final and rds._snapshots[final]["Status"] != "available":
                    time.sleep(self._pace.steady_check_seconds)
                self._let_go(record)
            return answer

        return delete

    def drop_snapshot(self, plain: Callable[[Parameters], Answer]) -> Callable[[Parameters], Answer]:
        def drop(asked: Parameters) -> Answer:
            self._databases.drop_snapshot(rds._p(asked, "DBSnapshotIdentifier"))
            return plain(asked)

        return drop

    def restore(self, plain: Callable[[Parameters], Answer]) -> Callable[[Parameters], Answer]:
        def restore(asked: Parameters) -> Answer:
            answer = plain(asked)
            if answer[0] == 200:
                record = rds._instances[rds._p(asked, "DBInstanceIdentifier")]
                name = rds._p(asked, "DBSnapshotIdentifier")
                source = rds._instances.get(rds._snapshots[name]["DBInstanceIdentifier"], {})
                self._adopt(record, asked, source)
                self._databases.restore(self._wanted(record), name)
            return answer

        return restore

    def restore_to_point_in_time(self, asked: Parameters) -> Answer:
        source = rds._resolve_instance(rds._p(asked, "SourceDBInstanceIdentifier"))
        if source is None:
            refused: Answer = rds._error("DBInstanceNotFound", "The source was not found.", 404)
            return refused
        target = rds._p(asked, "TargetDBInstanceIdentifier")
        # The record as a restored snapshot has it, which this call has in all but its moment.
        name = f"rehearsal-point-{secrets.token_hex(6)}"
        self._snapshot_record(name, source)
        plain = {**asked, "DBInstanceIdentifier": [target], "DBSnapshotIdentifier": [name]}
        answer: Answer = rds._restore_from_snapshot(plain)
        rds._snapshots.pop(name)
        if answer[0] != 200:
            return answer
        record = rds._instances[target]
        self._adopt(record, asked, source)
        moment = datetime.fromisoformat(rds._p(asked, "RestoreTime").replace("Z", "+00:00"))
        self._databases.restore_at(self._wanted(record), source["DBInstanceIdentifier"], moment)
        return (
            answer[0],
            answer[1],
            answer[2].replace(b"RestoreDBInstanceFromDBSnapshot", b"RestoreDBInstanceToPointInTime"),
        )

    # --- what stands between ----------------------------------------------------------------------------------------

    def _keep_password(self, record: Record, given: Properties) -> None:
        """RDS makes the password of the master user and keeps it in a secret: nobody else ever writes it down."""
        if not given.get("ManageMasterUserPassword"):
            raise Failed("The rehearsal knows only instances whose master password RDS manages.")
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        text = f'{{"username": "{record["MasterUsername"]}", "password": "{password}"}}'
        key_id = given.get("MasterUserSecret", {}).get("KmsKeyId", "")
        name = f"rds!{record['DbiResourceId'].lower()}"
        record["_master_secret"] = self._neighbours.make_secret(name, text, key_id=key_id)
        record["_master_key"] = key_id
        self._passwords[record["DbiResourceId"]] = password

    def _wanted(self, record: Record) -> Wanted:
        resource_id = str(record.get("_password_of", record["DbiResourceId"]))
        return Wanted(
            identifier=record["DBInstanceIdentifier"],
            resource_id=record["DbiResourceId"],
            port=int(record["Endpoint"]["Port"]),
            master=record["MasterUsername"],
            master_password=lambda: self._passwords[resource_id],
        )

    def _adopt(self, record: Record, asked: Parameters, source: Record) -> None:
        """A restored instance has a name and a port of its own, and the password that its data was saved with."""
        record["Endpoint"]["Address"] = self._databases.host(record["DBInstanceIdentifier"])
        port = rds._p(asked, "Port")
        if port:
            record["Endpoint"]["Port"] = int(port)
        record["IAMDatabaseAuthenticationEnabled"] = (
            rds._p(asked, "EnableIAMDatabaseAuthentication") == "true"
        )
        record["_password_of"] = source.get("DbiResourceId", record["DbiResourceId"])

    def _let_go(self, record: Record) -> None:
        self._databases.remove(record["DBInstanceIdentifier"])
        if record.get("_master_secret"):
            self._neighbours.drop_secret(record["_master_secret"])


def describe_automated_backups(asked: Parameters) -> Answer:
    """One for each instance that keeps any; they go with their instance."""
    wanted = rds._p(asked, "DBInstanceIdentifier")
    kept = [
        each
        for each in rds._instances.values()
        if each.get("BackupRetentionPeriod") and wanted in ("", each["DBInstanceIdentifier"])
    ]
    members = "".join(
        f"<DBInstanceAutomatedBackup><DBInstanceIdentifier>{each['DBInstanceIdentifier']}</DBInstanceIdentifier>"
        f"<DbiResourceId>{each['DbiResourceId']}</DbiResourceId><Status>active</Status>"
        f"<AllocatedStorage>{each['AllocatedStorage']}</AllocatedStorage></DBInstanceAutomatedBackup>"
        for each in kept
    )
    name = "DescribeDBInstanceAutomatedBackups"
    listed = f"<DBInstanceAutomatedBackups>{members}</DBInstanceAutomatedBackups>"
    answer: Answer = rds._xml(200, f"{name}Response", f"<{name}Result>{listed}</{name}Result>")
    return answer


def delete_automated_backup(_: Parameters) -> Answer:
    refused: Answer = rds._error("DBInstanceAutomatedBackupNotFound", "It went with its instance.", 404)
    return refused


def _master_secret_xml(record: Record) -> str:
    if not record.get("_master_secret"):
        return ""
    secret, key = record["_master_secret"], record.get("_master_key", "")
    return (
        f"<MasterUserSecret><SecretArn>{secret}</SecretArn><SecretStatus>active</SecretStatus>"
        f"<KmsKeyId>{key}</KmsKeyId></MasterUserSecret>"
    )
