"""Starts the simulated AWS: ministack with our ECS, our database servers, and the types that it lacks.

Run inside .venv-rehearsal as `python -m deploy.rehearsal.cloud.launcher CONFIG`, with its listening socket inherited.
It lives until its standard input ends, which also happens when whoever started it dies; then it ends every task and
every server. Here and in simulated_rds.py is all contact with ministack, whose internals are private and pinned.
"""

import asyncio
import dataclasses
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import ministack.app
from hypercorn.asyncio import serve
from hypercorn.config import Config as ServerConfig
from ministack.services.cloudformation import provisioners, stacks

from deploy.rehearsal.cloud.credentials import Credentials
from deploy.rehearsal.cloud.databases import Databases
from deploy.rehearsal.cloud.ecs import Ecs
from deploy.rehearsal.cloud.front import Front
from deploy.rehearsal.cloud.images import Images
from deploy.rehearsal.cloud.machine import Machine
from deploy.rehearsal.cloud.neighbours import Neighbours
from deploy.rehearsal.cloud.pace import Pace
from deploy.rehearsal.cloud.postgres import Programs
from deploy.rehearsal.cloud.resources import Network, Running, Type, composite_alarm, recorded_only
from deploy.rehearsal.cloud.simulated_rds import SimulatedRds
from deploy.rehearsal.warden import Warden

READY = "rehearsal: ready"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What whoever starts the simulation says; paths are absolute."""

    folder: str
    descriptor: int
    port: int
    region: str
    account_id: str
    python: str
    authority: str
    certificate: str
    programs: str

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Cloud:
    """Everything that runs beside ministack, in the order in which it is opened."""

    def __init__(self, config: Config) -> None:
        folder, pace = Path(config.folder), Pace()
        self._warden = Warden()
        neighbours = Neighbours(config.endpoint, config.region, "rehearsal")
        credentials = Credentials()
        programs = Programs(folder=Path(config.programs), warden=self._warden)
        self._databases = Databases(
            folder=folder / "rds",
            programs=programs,
            certificate=Path(config.certificate),
            credentials=credentials,
            neighbours=neighbours,
            account_id=config.account_id,
        )
        machine = Machine(
            folder=folder,
            python=Path(config.python),
            authority=Path(config.authority),
            programs=programs.folder,
            images=Images(folder),
            neighbours=neighbours,
            credentials=credentials,
            warden=self._warden,
            pace=pace,
        )
        self._ecs = Ecs(config.account_id, config.region, machine)
        self.front = Front(ministack.app.app, self._ecs)
        self._types = {
            **Network(neighbours).types(),
            **Running(self._ecs).types(),
            "AWS::CloudWatch::CompositeAlarm": composite_alarm(
                neighbours,
                lambda name: f"arn:aws:cloudwatch:{config.region}:{config.account_id}:alarm:{name}",
            ),
            "AWS::RDS::EventSubscription": recorded_only(),
        }
        self._rds = SimulatedRds(self._databases, neighbours, pace)

    def open(self) -> None:
        for name, each in self._types.items():
            provisioners._RESOURCE_HANDLERS[name] = _handlers(each)
        self._rds.install()
        _wait_in_threads({*self._types, "AWS::RDS::DBInstance"})
        _refuse_taken_log_groups()
        self._ecs.open()

    def close(self) -> None:
        self._ecs.close()
        self._databases.close()
        self._warden.close()


def _handlers(each: Type) -> dict[str, Any]:
    handlers: dict[str, Any] = {"create": each.create, "delete": each.delete}
    return handlers | ({"update": each.update} if each.update else {})


def _wait_in_threads(ours: set[str]) -> None:
    """Our types call back into the simulation and wait, so they must not do it on the thread that answers."""
    plain = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda name: name in ours or plain(name)


def _refuse_taken_log_groups() -> None:
    """A log group that exists already is a conflict on AWS: one that an earlier life of the stage has left."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Logs::LogGroup"]
    plain = handlers["create"]

    def create(logical_id: str, given: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
        name = given.get("LogGroupName")
        if name and name in provisioners._cw_logs._log_groups:
            raise ValueError(
                f"Resource handler returned message: \"Resource of type 'AWS::Logs::LogGroup' with identifier "
                f'\'{{"/properties/LogGroupName":"{name}"}}\' already exists." (HandlerErrorCode: AlreadyExists)'
            )
        made: tuple[str, dict[str, str]] = plain(logical_id, given, stack)
        return made

    handlers["create"] = create


async def _serve(config: Config) -> None:
    loop, over, ended = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    server = ServerConfig()
    server.bind = [f"fd://{config.descriptor}"]
    server.loglevel = "WARNING"
    server.accesslog = None
    # Clients keep their connections open for a next call, which will not come.
    server.graceful_timeout = 0.2
    cloud = Cloud(config)
    cloud.open()
    threading.Thread(target=_wait_until_alone, args=(loop, over), daemon=True).start()
    running = asyncio.create_task(serve(cloud.front, server, shutdown_trigger=ended.wait))
    print(READY, flush=True)
    await over.wait()
    # The tasks' last log lines are still delivered to the server, which therefore ends last.
    await asyncio.to_thread(cloud.close)
    ended.set()
    await running


def _wait_until_alone(loop: asyncio.AbstractEventLoop, over: asyncio.Event) -> None:
    """Standard input ends when whoever started us has ended it, or has died."""
    sys.stdin.buffer.read()
    loop.call_soon_threadsafe(over.set)


if __name__ == "__main__":
    written = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    asyncio.run(_serve(Config(**written)))
