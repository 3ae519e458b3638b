"""What trades: one ECS service for each desk of the stage; and, where somebody may sign in, one that shows it.

A desk is never run twice by ECS: the old task ends before the new one starts. A new service stands at zero, so that
nothing trades before the schema is there, and a deploy passes on the count that it found: whoever stopped a desk finds
it stopped.
"""

from aws_cdk import CfnOutput, CfnParameter, Stack, Tags
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.container import SCRATCH, WRITABLE, Container, SecretFields, camel, define_task, image_digest
from stacks.data import Database
from stacks.environment import (
    SIMULATOR_PORT,
    api_environment,
    api_secrets,
    desk_environment,
    desk_secrets,
)
from stacks.files import SPOOL
from stacks.network import NetworkStack
from stacks.platform import PlatformStack
from stacks.roles import DATABASE_USERS
from stacks.settings import API, Desk, Stage

# True only when the desk has loaded its state, holds its lease and had an answer of the database just now.
HEALTH = ("python", "-m", "runtime.health")
FAILURES_MAX = 3
BOOKS, BOOKS_DIR = "venue", "/var/lib/holdfast"
LISTENS = (
    "python",
    "-c",
    f"import socket; socket.create_connection(('127.0.0.1', {SIMULATOR_PORT}), 3)",
)

API_CPU, API_MEMORY_MB = 256, 512
# What the agent of ECS writes to, which comes into the container when somebody may look at the page.
OF_THE_AGENT = {
    "agent": "/managed-agents",
    "agent-state": "/var/lib/amazon/ssm",
    "agent-log": "/var/log/amazon/ssm",
}


class BotStack(Stack):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        network: NetworkStack,
        platform: PlatformStack,
        database: Database,
        dumps: str,
        **stack: object,
    ) -> None:
        super().__init__(scope, construct_id, **stack)  # type: ignore[arg-type]
        self.stage = stage
        self.network = network
        self.platform = platform
        self.database = database
        self.services = {
            desk.name: self._run_alone(self._desk(desk), self._venue(desk) if desk.simulated else None)
            for desk in stage.desks
        }
        if stage.has_api:
            self.services[API] = self._run_alone(self._api(dumps), None)

    def _desk(self, desk: Desk) -> Container:
        return Container(
            kind="desk",
            name=f"desk-{desk.name}",
            command=("desk",),
            environment=desk_environment(
                desk,
                self.database,
                user=DATABASE_USERS["desk"],
                stage=self.stage,
                artefacts=self.platform.artefacts.bucket_name,
            ),
            secrets=[SecretFields(arn, names) for arn, names in desk_secrets(desk, self.stage).items()],
            health_command=HEALTH,
            cpu=self.stage.desk_cpu,
            memory_mb=self.stage.desk_memory_mb,
            lasting={SPOOL: folder} if (folder := self.platform.folders.get(SPOOL)) else {},
        )

    def _venue(self, desk: Desk) -> Container:
        """Where a paper desk trades. Its books last, or the ledger would be at odds with it after every deploy."""
        return Container(
            kind="simulator",
            name=f"simulator-{desk.name}",
            command=("simulator", "--port", str(SIMULATOR_PORT), "--books", f"{BOOKS_DIR}/books"),
            environment={},
            health_command=LISTENS,
            cpu=self.stage.desk_cpu,
            memory_mb=self.stage.desk_memory_mb,
            folders={BOOKS: BOOKS_DIR, SCRATCH: "/tmp"},
            lasting={BOOKS: self.platform.folders[desk.name]},
        )

    def _api(self, dumps: str) -> Container:
        """It shows the bots and passes wishes on. If it dies they trade on, so nothing of it stands in their tasks."""
        return Container(
            kind=API,
            name=API,
            command=(API,),
            environment=api_environment(self.stage, self.database, user=DATABASE_USERS[API], dumps=dumps),
            secrets=[SecretFields(arn, names) for arn, names in api_secrets(self.stage).items()],
            health_command=_answers(self.stage.api_port),
            cpu=API_CPU,
            memory_mb=API_MEMORY_MB,
            folders={**WRITABLE, **OF_THE_AGENT},
        )

    def _run_alone(self, container: Container, beside: Container | None) -> ecs.CfnService:
        """A service of at most one task: stop, then start. Its image is its own, so that desks roll one by one."""
        name = camel(container.name)
        digest, count = image_digest(self, container.name), desired_count(self, container.name)
        task = define_task(self, platform=self.platform, digest=digest, container=container, beside=beside)
        service = ecs.CfnService(
            self,
            f"{name}Service",
            cluster=self.platform.cluster.cluster_arn,
            task_definition=task.task_definition_arn,
            desired_count=count.value_as_number,
            launch_type="FARGATE",
            platform_version="LATEST",
            availability_zone_rebalancing="DISABLED",
            # Nobody gets into a desk: `python -m deploy exec` starts a task of its own instead.
            enable_execute_command=container.kind == API,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            deployment_configuration=_stop_then_start(),
            network_configuration=ecs.CfnService.NetworkConfigurationProperty(
                awsvpc_configuration=ecs.CfnService.AwsVpcConfigurationProperty(
                    subnets=[each.subnet_id for each in self.network.desk_subnets],
                    security_groups=[self.network.groups.tasks.security_group_id],
                    assign_public_ip="ENABLED" if self.network.assigns_public_addresses else "DISABLED",
                )
            ),
        )
        Tags.of(service).add("holdfast:desk", container.name)
        CfnOutput(self, f"{name}ServiceName", value=service.attr_name)
        return service


def _answers(port: int) -> tuple[str, ...]:
    """Whether the API lives; that it can reach the database too is what `ready` says, and no reason to restart it."""
    ask = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}/api/v1/health', timeout=5)"
    return ("python", "-c", ask)


def desired_count(stack: Stack, name: str) -> CfnParameter:
    """Of the same name in every stack that must know whether a desk is meant to run."""
    return CfnParameter(
        stack,
        f"DesiredCount{camel(name)}",
        type="Number",
        default=0,
        min_value=0,
        max_value=1,
        description=f"1 runs {name}, 0 stops it; the deploy passes on what it finds",
    )


def _stop_then_start() -> ecs.CfnService.DeploymentConfigurationProperty:
    """Failures are counted over the whole deployment: a task that was healthy for a minute does not reset the count.

    ECS resets it by default, and then never gives up on a bot that starts well and dies at its first tick.
    """
    breaker = ecs.CfnService.DeploymentCircuitBreakerProperty(
        enable=True,
        rollback=True,
        reset_on_healthy_task=False,
        threshold_configuration=ecs.CfnService.ThresholdConfigurationProperty(
            type="COUNT", value=FAILURES_MAX
        ),
    )
    return ecs.CfnService.DeploymentConfigurationProperty(
        minimum_healthy_percent=0, maximum_percent=100, deployment_circuit_breaker=breaker
    )
