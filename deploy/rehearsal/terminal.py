"""Whoever operates a stage, at a terminal of his own: the real commands as processes, and a push to the registry."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from deploy.rehearsal.checkouts import Checkout
from deploy.rehearsal.cloud.neighbours import Neighbours, text_of
from deploy.rehearsal.narrator import Narrator, Unmet
from deploy.rehearsal.simulation import ACCOUNT_ID, REGION, Simulation

ECR = "AmazonEC2ContainerRegistry_V20150921"
ECS = "AmazonEC2ContainerServiceV20141113"
RESTORED = "rehearsal-restored"
POLL_SECONDS = 0.2


@dataclass(slots=True)
class Operator:
    simulation: Simulation
    narrator: Narrator
    stage: str
    context: Mapping[str, object]
    aws: Neighbours = field(init=False)
    digests: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.aws = Neighbours(self.simulation.endpoint, REGION, "rehearsal")

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.simulation.environment,
            "CDK_CONTEXT_JSON": json.dumps({**self.context, "stage": self.stage}),
            "CDK_VALIDATION": "false",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    # --- commands ---------------------------------------------------------------------------------------------------

    def synthesise(self, checkout: Checkout) -> None:
        out = {"CDK_OUTDIR": f"cdk.out/{self.stage}"}
        process = self._open([sys.executable, "app.py"], checkout, out)
        self._finish(process, "app.py", (0,))

    def run(self, checkout: Checkout, verb: str, *words: str, expects: tuple[int, ...] = (0,)) -> str:
        """What it said; its exit code must be one of those expected."""
        process = self.start(checkout, verb, *words)
        return self._finish(process, verb, expects)

    def start(self, checkout: Checkout, verb: str, *words: str) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "deploy",
            verb,
            "--stage",
            self.stage,
            "--poll-seconds",
            "0.5",
            *words,
        ]
        self.narrator.say(f"$ cd {checkout.name} && python {shlex.join(command[1:])}")
        return self._open(command, checkout, {})

    def finish(self, process: subprocess.Popen[str], verb: str, *, expects: tuple[int, ...] = (0,)) -> str:
        return self._finish(process, verb, expects)

    def until_says(self, process: subprocess.Popen[str], *signs: str) -> None:
        """Until a line of it holds one of these; it must not end before."""
        assert process.stdout is not None
        for line in process.stdout:
            self.narrator.pass_on(line)
            if any(each in line for each in signs):
                return
        raise Unmet(f"a line with {' or '.join(signs)}", f"it ended with {process.wait()}")

    def kill(self, process: subprocess.Popen[str]) -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _open(self, command: list[str], checkout: Checkout, more: Mapping[str, str]) -> subprocess.Popen[str]:
        started: subprocess.Popen[Any] = self.simulation.warden.start(
            command,
            cwd=checkout.folder,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return started

    def _finish(self, process: subprocess.Popen[str], what: str, expects: tuple[int, ...]) -> str:
        said = self.narrator.follow(process)
        code = process.wait()
        self.simulation.warden.forget(process)  # type: ignore[arg-type]
        if code not in expects:
            raise Unmet(f"{what} to end with {' or '.join(map(str, expects))}", f"{code}: {said[-2000:]}")
        self.narrator.met(f"{what} ended with exit code {code}")
        return said

    # --- what is done without the deployer ---------------------------------------------------------------------------

    def push(self, checkout: Checkout) -> str:
        """The digest of the image; its tag is the version's name, as `docker push` gives it."""
        repository = self._repository()
        manifest = checkout.manifest()
        answer = self.aws.json(
            "ecr",
            f"{ECR}.PutImage",
            {
                "repositoryName": repository,
                "imageManifest": manifest,
                "imageManifestMediaType": json.loads(manifest)["mediaType"],
                "imageTag": checkout.name,
            },
        )
        digest = str(answer["image"]["imageId"]["imageDigest"])
        self.simulation.images.push(digest, checkout.folder)
        self.digests[checkout.name] = digest
        self.narrator.say(f"pushed {checkout.name} as {digest[:19]}...")
        return digest

    def make_secret(self, name: str, fields: Mapping[str, str]) -> str:
        return self.aws.make_secret(name, json.dumps(dict(fields)), key_id="")

    def _repository(self) -> str:
        found = self.aws.json("ecr", f"{ECR}.DescribeRepositories", {})["repositories"]
        return str(found[0]["repositoryName"])

    @property
    def _bucket(self) -> str:
        return f"holdfast-{self.stage}-{ACCOUNT_ID}-{REGION}"

    def note_pause(self, desk: str) -> None:
        """The deployer's own note, by hand: before the first deploy there is no service that `pause` could stop."""
        note = {"who": "rehearsal", "reason": "nobody is enrolled yet", "at": datetime.now(UTC).isoformat()}
        self.aws.put_object(self._bucket, f"paused/{desk}", json.dumps(note).encode())

    def lock_owner(self) -> str:
        return str(json.loads(self.aws.get_object(self._bucket, "lock.json"))["owner"])

    def running_tasks(self) -> list[dict[str, Any]]:
        """Those of services that are meant to run, on every cluster."""
        tasks = []
        for cluster in self.clusters():
            arns = self._ecs("ListTasks", cluster=cluster)["taskArns"]
            found = self._ecs("DescribeTasks", cluster=cluster, tasks=arns)["tasks"] if arns else []
            tasks += [each for each in found if each["group"].startswith("service:")]
        return tasks

    def clusters(self) -> list[str]:
        return list(self._ecs("ListClusters")["clusterArns"])

    def stacks(self) -> list[str]:
        """The names of those that are not deleted."""
        found = self.aws.query("cloudformation", "DescribeStacks", {})
        return [str(each.text) for each in found.iter("StackName")]

    def run_task(self, kind: str) -> None:
        """As the schedule starts it: the task's own command, role and log. It must end with 0."""
        cluster = self.clusters()[0]
        started = self._ecs(
            "RunTask",
            cluster=cluster,
            taskDefinition=f"holdfast-{self.stage}-{kind}",
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
            startedBy="rehearsal",
        )["tasks"][0]
        arn = started["taskArn"]
        self.narrator.say(f"task {arn.rpartition('/')[2]} of {kind}")
        while (task := self._task(cluster, arn))["lastStatus"] != "STOPPED":
            time.sleep(POLL_SECONDS)
        for line in self._log_of(task):
            self.narrator.say(f"| {line}")
        code = task["containers"][0].get("exitCode")
        self.narrator.expect(
            code == 0, f"the {kind} ended with exit code 0", (code, task.get("stoppedReason"))
        )

    def _task(self, cluster: str, arn: str) -> dict[str, Any]:
        return dict(self._ecs("DescribeTasks", cluster=cluster, tasks=[arn])["tasks"][0])

    def _log_of(self, task: dict[str, Any]) -> list[str]:
        definition = self._ecs("DescribeTaskDefinition", taskDefinition=task["taskDefinitionArn"])[
            "taskDefinition"
        ]
        container = definition["containerDefinitions"][0]
        options = container["logConfiguration"]["options"]
        stream = (
            f"{options['awslogs-stream-prefix']}/{container['name']}/{task['taskArn'].rpartition('/')[2]}"
        )
        found = self.aws.logs(
            "GetLogEvents", logGroupName=options["awslogs-group"], logStreamName=stream, startFromHead=True
        )
        return [each["message"] for each in found["events"]]

    def _ecs(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return self.aws.json("ecs", f"{ECS}.{operation}", arguments)

    # --- the database -----------------------------------------------------------------------------------------------

    def fail_over(self) -> None:
        """The machine of the database fails, and another takes its place."""
        self.aws.query(
            "rds", "RebootDBInstance", {"DBInstanceIdentifier": self._instance(), "ForceFailover": "true"}
        )
        begun = time.monotonic()
        while self._state(self._instance()) != "available":
            time.sleep(POLL_SECONDS)
        self.narrator.met(f"the database was back after {time.monotonic() - begun:.1f} s")

    def moment_after_writes(self) -> datetime:
        """Now; and then something is written, because a log ends with its last entry and not with the clock."""
        moment = datetime.now(UTC)
        time.sleep(1.0)
        self.tell_database("select pg_switch_wal()")
        return moment

    def restore_at(self, moment: datetime) -> int:
        """The number of the server that then stands beside the first."""
        self.aws.query(
            "rds",
            "RestoreDBInstanceToPointInTime",
            {
                "SourceDBInstanceIdentifier": self._instance(),
                "TargetDBInstanceIdentifier": RESTORED,
                "RestoreTime": moment.isoformat(),
                "Port": str(free_port()),
            },
        )
        folders = (self.simulation.folder / "rds").glob("db*")
        return max(int(each.name.removeprefix("db")) for each in folders)

    def drop_restored(self) -> None:
        self.aws.query(
            "rds", "DeleteDBInstance", {"DBInstanceIdentifier": RESTORED, "SkipFinalSnapshot": "true"}
        )

    def tell_database(self, statement: str) -> None:
        """As the superuser that only the machine of the database has."""
        folder = self.simulation.folder / "rds" / "db1"
        command = [str(self.simulation.programs.folder / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
        words = ["-h", str(folder), "-U", "rdsadmin", "-d", "holdfast", "-c", statement]
        subprocess.run([*command, *words], check=True, capture_output=True)

    def _instance(self) -> str:
        found = self.aws.query("rds", "DescribeDBInstances", {})
        return next(str(e.text) for e in found.iter("DBInstanceIdentifier") if e.text != RESTORED)

    def _state(self, identifier: str) -> str:
        found = self.aws.query("rds", "DescribeDBInstances", {"DBInstanceIdentifier": identifier})
        return text_of(found, "DBInstanceStatus")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
