"""The one-off tasks: migrate, backup, drill and retention; all but the first on a schedule.

It comes before the bots, because the migration must have run with the new image before a service does. The deploy runs
`migrate` and looks at its exit code; the schedules start the others.
"""

from aws_cdk import Aws, CfnOutput, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from stacks.container import Container, define_task, image_digest, task_roles
from stacks.data import Database
from stacks.environment import migrate_environment, retention_environment, task_environment
from stacks.network import NetworkStack
from stacks.platform import PlatformStack
from stacks.roles import DATABASE_USERS
from stacks.settings import Stage

KINDS = ("migrate", "backup", "drill", "retention")
# After that it ends and says what is left for the next time: nothing of ours runs while a dump is taken.
RETENTION_SECONDS = 3000


class TasksStack(Stack):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        network: NetworkStack,
        platform: PlatformStack,
        database: Database,
        dump_bucket: str,
        **stack: object,
    ) -> None:
        super().__init__(scope, construct_id, **stack)  # type: ignore[arg-type]
        self.stage = stage
        self.network = network
        self.platform = platform
        digest = image_digest(self)
        # A stage with a simulated venue has the sample desks to trade there; whoever has desks of his own enrols them.
        migrate = ("migrate", "--samples") if stage.simulates else ("migrate",)
        commands = {
            "migrate": migrate,
            "backup": ("backup", "--bucket", dump_bucket),
            "drill": ("drill", "--bucket", dump_bucket),
            "retention": ("retention", "--seconds", str(RETENTION_SECONDS)),
        }
        environments = {
            kind: task_environment(database, user=DATABASE_USERS.get(kind), stage=stage.name)
            for kind in KINDS
        }
        environments["migrate"] = migrate_environment(
            database, user=DATABASE_USERS["migrate"], stage=stage.name
        )
        environments["retention"] = retention_environment(
            database, user=DATABASE_USERS["retention"], stage=stage.name
        )
        self.definitions: dict[str, ecs.FargateTaskDefinition] = {}
        for kind in KINDS:
            container = Container(
                kind=kind,
                name=kind,
                command=commands[kind],
                environment=environments[kind],
                cpu=stage.task_cpu,
                memory_mb=stage.task_memory_mb,
                # The drill restores into a PostgreSQL of its own, in its task, and touches no database of ours.
                ephemeral_gb=stage.drill_storage_gb if kind == "drill" else 0,
            )
            definition = define_task(self, platform=platform, digest=digest, container=container)
            self.definitions[kind] = definition
            CfnOutput(self, f"{kind.title()}TaskArn", value=definition.task_definition_arn)
        self._start_by_the_clock("backup", stage.backup_schedule)
        self._start_by_the_clock("drill", stage.drill_schedule)
        self._start_by_the_clock("retention", stage.retention_schedule)

    def _start_by_the_clock(self, kind: str, schedule: str) -> None:
        definition = self.definitions[kind]
        placement = self.network
        scheduler.CfnSchedule(
            self,
            f"{kind.title()}Schedule",
            description=f"{self.stage.prefix}: start a {kind}",
            schedule_expression=schedule,
            schedule_expression_timezone="UTC",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=self.platform.cluster.cluster_arn,
                role_arn=self._starter(kind, definition).role_arn,
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_retry_attempts=3, maximum_event_age_in_seconds=3600
                ),
                ecs_parameters=scheduler.CfnSchedule.EcsParametersProperty(
                    task_definition_arn=definition.task_definition_arn,
                    launch_type="FARGATE",
                    platform_version="LATEST",
                    network_configuration=scheduler.CfnSchedule.NetworkConfigurationProperty(
                        awsvpc_configuration=scheduler.CfnSchedule.AwsVpcConfigurationProperty(
                            subnets=[each.subnet_id for each in placement.desk_subnets],
                            security_groups=[placement.groups.tasks.security_group_id],
                            assign_public_ip="ENABLED" if placement.assigns_public_addresses else "DISABLED",
                        )
                    ),
                ),
            ),
        )

    def _starter(self, kind: str, definition: ecs.FargateTaskDefinition) -> iam.Role:
        """May start this one task in this one cluster, and pass on the two roles that it has."""
        role = iam.Role(
            self,
            f"{kind.title()}Starter",
            description=f"{self.stage.prefix}: the clock that starts a {kind}",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["ecs:RunTask"],
                resources=[definition.task_definition_arn],
                conditions={"ArnEquals": {"ecs:cluster": self.platform.cluster.cluster_arn}},
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[each.role_arn for each in task_roles(self.platform, kind)],
                conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            )
        )
        return role
