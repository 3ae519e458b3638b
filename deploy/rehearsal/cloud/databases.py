"""RDS as far as it is more than a record: servers that run, the doors before them, snapshots, and points in time."""

import shutil
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from deploy.rehearsal.cloud.credentials import Credentials
from deploy.rehearsal.cloud.door import Door, Judge
from deploy.rehearsal.cloud.neighbours import Neighbours
from deploy.rehearsal.cloud.postgres import Programs, Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    server: Server
    door: Door


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the record of an instance says of its server."""

    identifier: str
    resource_id: str
    port: int
    master: str
    master_password: Callable[[], str]


@dataclass(slots=True, kw_only=True)
class Databases:
    folder: Path
    programs: Programs
    certificate: Path
    credentials: Credentials
    neighbours: Neighbours
    account_id: str
    hosted: dict[str, Hosted] = field(default_factory=dict)
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def host(self, identifier: str) -> str:
        """The shape of RDS's names, from which a signer of tokens reads the region."""
        return f"{identifier}.rehearsal.{self.neighbours.region}.rds.amazonaws.com"

    def create(self, wanted: Wanted, database: str) -> None:
        server = self._new_server()
        server.create(master=wanted.master, database=database)
        self._open_door(wanted, server)

    def restore(self, wanted: Wanted, snapshot: str) -> None:
        server = self._new_server()
        server.restore_from(self._snapshot_folder(snapshot))
        self._open_door(wanted, server)

    def restore_at(self, wanted: Wanted, source: str, moment: datetime) -> None:
        server = self._new_server()
        server.restore_at(self.hosted[source].server, moment)
        self._open_door(wanted, server)

    def snapshot(self, identifier: str, name: str) -> None:
        folder = self._snapshot_folder(name)
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.programs.own(folder.parent)
        self.hosted[identifier].server.copy_to(folder)

    def drop_snapshot(self, name: str) -> None:
        shutil.rmtree(self._snapshot_folder(name), ignore_errors=True)

    def fail_over(self, identifier: str) -> None:
        """The machine fails: nothing is said goodbye to, every connection breaks, and the log is replayed."""
        hosted = self.hosted[identifier]
        hosted.server.stop(signal.SIGQUIT)
        hosted.door.cut()
        hosted.server.start()

    def remove(self, identifier: str) -> None:
        hosted = self.hosted.pop(identifier, None)
        if hosted is not None:
            hosted.door.close()
            hosted.server.remove()

    def close(self) -> None:
        for identifier in list(self.hosted):
            self.remove(identifier)

    def _new_server(self) -> Server:
        # A number instead of the name, because the address of a socket file must be short.
        with self._lock:
            self._count += 1
            number = self._count
        return Server(self.programs, self.folder / f"db{number}")

    def _snapshot_folder(self, name: str) -> Path:
        return self.folder / "snapshots" / name.replace(":", "-")

    def _open_door(self, wanted: Wanted, server: Server) -> None:
        judge = Judge(
            host=self.host(wanted.identifier),
            port=wanted.port,
            region=self.neighbours.region,
            master=wanted.master,
            find_key=self.credentials.keys.get,
            may_connect=lambda role, user: self._may_connect(role, wanted.resource_id, user),
            master_password=wanted.master_password,
        )
        door = Door(server.socket, self.certificate, judge)
        self.hosted[wanted.identifier] = Hosted(server=server, door=door)

    def _may_connect(self, role_arn: str, resource_id: str, user: str) -> bool:
        """Whether a policy of the role names this very user of this very database."""
        region, account = self.neighbours.region, self.account_id
        asked = f"arn:aws:rds-db:{region}:{account}:dbuser:{resource_id}/{user}"
        for statement in self.neighbours.role_statements(role_arn.rpartition("/")[2]):
            actions, resources = (_listed(statement.get(key)) for key in ("Action", "Resource"))
            if statement.get("Effect") == "Allow" and "rds-db:connect" in actions and asked in resources:
                return True
        return False


def _listed(given: object) -> list[object]:
    return given if isinstance(given, list) else [given]
