"""A stage in the simulated AWS, made and used by plain calls of boto3: the deployer is not under test here."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DIGEST = "sha256:" + "a" * 64
SECONDS_MAX = 60.0


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Asks again and again, because the API has nothing to wait for; the deadline only ends a test that hangs."""
    deadline = time.monotonic() + SECONDS_MAX
    while not is_so():
        assert time.monotonic() < deadline, f"{what}: not within {SECONDS_MAX:g} s"
        time.sleep(0.05)


class Stage:
    def __init__(self, client: Callable[[str], Any], name: str, templates: Path) -> None:
        self.client = client
        self.name = name
        self.templates = templates
        self.cfn, self.ecs, self.logs = client("cloudformation"), client("ecs"), client("logs")

    def stack_name(self, stack: str) -> str:
        return f"holdfast-{self.name}-{stack.lower()}"

    def template(self, stack: str) -> dict[str, Any]:
        return dict(json.loads((self.templates / f"{stack}.template.json").read_text("utf-8")))

    def stacks(self) -> list[str]:
        """In the order in which they depend on each other."""
        names = [path.name.partition(".")[0] for path in self.templates.glob("*.template.json")]
        order = ("Network", "Data", "Platform", "Tasks", "Bot", "Alarms", "Observability")
        return sorted(names, key=lambda name: order.index(name.partition("-")[0]))

    def make(self, *stacks: str) -> None:
        for stack in stacks:
            status = self.change(stack, self.template(stack), kind="CREATE")
            assert status == "CREATE_COMPLETE", f"{stack}: {self.failures(stack)}"

    def change(self, stack: str, template: dict[str, Any], kind: str = "UPDATE", **parameters: str) -> str:
        """The state in which the stack ends."""
        name = self.stack_name(stack)
        known = template.get("Parameters", {})
        given = {name: DIGEST for name in known if name.startswith("ImageDigest")} | parameters
        self.cfn.create_change_set(
            StackName=name,
            ChangeSetName="change",
            ChangeSetType=kind,
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
        )
        self.cfn.get_waiter("change_set_create_complete").wait(
            StackName=name, ChangeSetName="change", WaiterConfig={"Delay": 0}
        )
        self.cfn.execute_change_set(StackName=name, ChangeSetName="change")
        wait_until(lambda: not self.status(stack).endswith("IN_PROGRESS"), f"stack {name}")
        return self.status(stack)

    def status(self, stack: str) -> str:
        found = self.cfn.describe_stacks(StackName=self.stack_name(stack))["Stacks"][0]
        return str(found["StackStatus"])

    def failures(self, stack: str) -> list[str]:
        events = self.cfn.describe_stack_events(StackName=self.stack_name(stack))["StackEvents"]
        return [
            f"{each['LogicalResourceId']}: {each.get('ResourceStatusReason')}"
            for each in events
            if "FAILED" in each["ResourceStatus"]
        ]

    def resources(self, stack: str) -> dict[str, str]:
        """Physical names by their logical ones."""
        pages = self.cfn.get_paginator("list_stack_resources").paginate(StackName=self.stack_name(stack))
        return {
            each["LogicalResourceId"]: each.get("PhysicalResourceId", "")
            for page in pages
            for each in page["StackResourceSummaries"]
        }

    def outputs(self, stack: str) -> dict[str, str]:
        found = self.cfn.describe_stacks(StackName=self.stack_name(stack))["Stacks"][0]
        return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}

    # --- tasks ------------------------------------------------------------------------------------------------------

    @property
    def cluster(self) -> str:
        return self.outputs("Platform")["ClusterName"]

    def run(self, kind: str, *command: str, **more: Any) -> str:
        """Starts a one-off task, with another command if one is given; its ARN."""
        overrides = {"containerOverrides": [{"name": kind, "command": list(command)}]} if command else {}
        network = {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}
        answer = self.ecs.run_task(
            cluster=self.cluster,
            taskDefinition=self.outputs("Tasks")[f"{kind.title()}TaskArn"],
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
            overrides=overrides,
            **more,
        )
        return str(answer["tasks"][0]["taskArn"])

    def task(self, arn: str) -> dict[str, Any]:
        return dict(self.ecs.describe_tasks(cluster=self.cluster, tasks=[arn])["tasks"][0])

    def ended(self, arn: str) -> dict[str, Any]:
        wait_until(lambda: self.task(arn)["lastStatus"] == "STOPPED", f"task {arn}")
        return self.task(arn)

    def log(self, arn: str, kind: str) -> list[str]:
        definition = self.ecs.describe_task_definition(taskDefinition=self.task(arn)["taskDefinitionArn"])
        options = definition["taskDefinition"]["containerDefinitions"][0]["logConfiguration"]["options"]
        stream = f"{options['awslogs-stream-prefix']}/{kind}/{arn.rpartition('/')[2]}"
        events = self.logs.get_log_events(
            logGroupName=options["awslogs-group"], logStreamName=stream, startFromHead=True
        )["events"]
        return [each["message"] for each in events]
