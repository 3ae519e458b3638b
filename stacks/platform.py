"""What every task stands on: the registry, the cluster, roles, log groups, topics, lasting folders.

Each role may do what its task does and nothing else; docs/aws.md says it in words, and a snapshot in the tests fails
on any broadening. The roles of whoever writes and reads dumps come with the dumps.
"""

from collections.abc import Mapping

from aws_cdk import Aws, CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.artefacts import make_artefacts
from stacks.data import Database
from stacks.files import make_folders
from stacks.names import kept_name
from stacks.network import NetworkStack
from stacks.retention import RETENTIONS
from stacks.roles import allow, allow_connection, execution_of, kinds_of, make_role
from stacks.settings import API, Stage

IMAGES_KEPT = 50
CHANNEL = [
    f"ssmmessages:{each}"
    for each in ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
]


class PlatformStack(Stack):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        network: NetworkStack,
        key: kms.IKey,
        database: Database,
        dumpers: Mapping[str, iam.Role],
        access_log: str,
        **stack: object,
    ) -> None:
        super().__init__(scope, construct_id, **stack)  # type: ignore[arg-type]
        self.stage = stage
        self.key = key
        self.images = self._make_registry()
        self.cluster = self._make_cluster(network.vpc)
        self.kinds = kinds_of(stage)
        self.logs = {kind: self._make_log_group(kind) for kind in self.kinds}
        self.execution = {
            kind: self._make_execution_role(kind) for kind in dict.fromkeys(map(execution_of, self.kinds))
        }
        own = {kind: make_role(self, kind, prefix=stage.prefix) for kind in ("desk", "migrate", "retention")}
        self.roles: Mapping[str, iam.Role] = {**own, **dumpers}
        self._let_roles_work(database)
        self.artefacts = make_artefacts(self, key=key, access_log=access_log, desks=self.roles["desk"])
        self.page = self._make_topic("Page", "somebody must get up")
        self.ticket = self._make_topic("Ticket", "somebody should look at it today")
        self._send_events(database)
        self.folders = make_folders(self, stage=stage, network=network, key=key, role=self.roles["desk"])
        CfnOutput(self, "RepositoryUri", value=self.images.repository_uri)
        CfnOutput(self, "ClusterName", value=self.cluster.cluster_name)
        for kind, group in self.logs.items():
            CfnOutput(self, f"{kind.title()}LogGroup", value=group.log_group_name)
        CfnOutput(self, "ArtefactBucket", value=self.artefacts.bucket_name)
        CfnOutput(self, "PageTopicArn", value=self.page.topic_arn)
        CfnOutput(self, "TicketTopicArn", value=self.ticket.topic_arn)

    def _make_registry(self) -> ecr.Repository:
        """A tag never moves, and tasks name a digest anyway; the last releases stay for a rollback."""
        return ecr.Repository(
            self,
            "Images",
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=self.key,
            lifecycle_rules=[ecr.LifecycleRule(max_image_count=IMAGES_KEPT)],
            removal_policy=RemovalPolicy.RETAIN if self.stage.protected else RemovalPolicy.DESTROY,
        )

    def _make_cluster(self, vpc: ec2.IVpc) -> ecs.Cluster:
        insights = ecs.ContainerInsights
        return ecs.Cluster(
            self,
            "Cluster",
            vpc=vpc,
            container_insights_v2=insights.ENABLED if self.stage.container_insights else insights.DISABLED,
        )

    def _make_log_group(self, kind: str) -> logs.LogGroup:
        """Named, because people type it and the key admits it by its name; kept where the stage is protected."""
        return logs.LogGroup(
            self,
            f"{kind.title()}Logs",
            log_group_name=kept_name(f"{self.stage.prefix}/{kind}"),
            encryption_key=self.key,
            retention=RETENTIONS[self.stage.log_days],
            removal_policy=RemovalPolicy.RETAIN if self.stage.protected else RemovalPolicy.DESTROY,
        )

    # --- roles ------------------------------------------------------------------------------------------------------

    def _make_execution_role(self, kind: str) -> iam.Role:
        """What ECS itself does before a container starts: pull, open the log, and for desks read their venue keys."""
        role = make_role(self, f"{kind}-execution", prefix=self.stage.prefix)
        kinds = [each for each in self.kinds if execution_of(each) == kind]
        allow(role, ["ecr:GetAuthorizationToken"], "*")
        allow(role, ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
               self.images.repository_arn)  # fmt: skip
        allow(
            role,
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            *[self.logs[each].log_group_arn for each in kinds],
        )
        if secrets := sorted(self._secrets_of(kind)):
            allow(role, ["secretsmanager:GetSecretValue"], *secrets)
        return role

    def _secrets_of(self, kind: str) -> set[str]:
        stage = self.stage
        found = {
            "desk": {*(desk.keys_secret_arn for desk in stage.desks), stage.messages_secret_arn},
            API: {stage.api_secret_arn},
        }
        return found.get(kind, set()) - {""}

    def _let_roles_work(self, database: Database) -> None:
        for kind in ("desk", "migrate", "retention", *([API] if self.stage.has_api else [])):
            allow_connection(self.roles[kind], kind, database=database.resource_id)
        # The migration makes the roles of the database, once, with the secret that RDS keeps.
        allow(self.roles["migrate"], ["secretsmanager:GetSecretValue"], database.master_secret_arn)
        allow(self.roles["migrate"], ["kms:Decrypt"], self.key.key_arn)
        if self.stage.has_api:
            # The agent's own channel, through which `python -m deploy tunnel` reaches the page: it knows no resource.
            allow(self.roles[API], CHANNEL, "*")

    # --- who is told ------------------------------------------------------------------------------------------------

    def _make_topic(self, name: str, meaning: str) -> sns.Topic:
        topic = sns.Topic(
            self, name, display_name=f"{self.stage.prefix}: {meaning}", master_key=self.key, enforce_ssl=True
        )
        # A topic with a policy of its own has no default policy: without this an alarm would stay silent.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsAndEvents",
                principals=[
                    iam.ServicePrincipal(f"{name}.amazonaws.com")
                    for name in ("cloudwatch", "events", "events.rds")
                ],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        for address in self.stage.page_to:
            topic.add_subscription(subscriptions.EmailSubscription(address))
        return topic

    def _send_events(self, database: Database) -> None:
        """What no metric says: a deployment that rolled back, a task that failed, a retirement, a failover."""
        patterns = {
            "DeploymentFailed": {
                "source": ["aws.ecs"],
                "detail-type": ["ECS Deployment State Change"],
                "detail": {"eventName": ["SERVICE_DEPLOYMENT_FAILED"]},
            },
            "TaskFailed": {
                "source": ["aws.ecs"],
                "detail-type": ["ECS Task State Change"],
                "detail": {
                    "clusterArn": [self.cluster.cluster_arn],
                    "lastStatus": ["STOPPED"],
                    "containers": {"exitCode": [{"anything-but": 0}]},
                },
            },
            "TaskRetirement": {
                "source": ["aws.health"],
                "detail-type": ["AWS Health Event"],
                "detail": {"service": ["ECS"], "eventTypeCategory": ["scheduledChange"]},
            },
        }
        for name, pattern in patterns.items():
            # The plain resource: the construct's target would open the key and the topic to events of any account.
            target = events.CfnRule.TargetProperty(arn=self.ticket.topic_arn, id="ticket")
            events.CfnRule(self, name, event_pattern=pattern, targets=[target])
        cluster_like = "DBClusterIdentifier" in database.dimensions
        rds.CfnEventSubscription(
            self,
            "DatabaseEvents",
            sns_topic_arn=self.ticket.topic_arn,
            source_type="db-cluster" if cluster_like else "db-instance",
            source_ids=list(database.dimensions.values()),
            event_categories=["failover", "failure", "maintenance", "notification"],
        )
