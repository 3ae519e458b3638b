"""What one sees and does in AWS beside the deployer: tasks, stacks, a task by hand, the machine of the database."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy.rehearsal.cloud.neighbours import Neighbours, text_of
from deploy.rehearsal.narrator import Narrator
from deploy.rehearsal.simulation import Simulation, free_port

ECS = "AmazonEC2ContainerServiceV20141113"
RESTORED = "rehearsal-restored"
POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Console:
    simulation: Simulation
    narrator: Narrator
    stage: str
    aws: Neighbours

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

    def _instance(self) -> str:
        found = self.aws.query("rds", "DescribeDBInstances", {})
        return next(str(e.text) for e in found.iter("DBInstanceIdentifier") if e.text != RESTORED)

    def _state(self, identifier: str) -> str:
        found = self.aws.query("rds", "DescribeDBInstances", {"DBInstanceIdentifier": identifier})
        return text_of(found, "DBInstanceStatus")
