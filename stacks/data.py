"""What remembers: the key, the database and the bucket of dumps. This stack lives longest and goes last.

Nothing of it is deleted with the stack where the stage is protected. No password is in it: RDS makes the master secret
and keeps it, and the tasks connect by IAM tokens.
"""

from dataclasses import dataclass
from decimal import Decimal

from aws_cdk import Aws, CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from constructs import Construct

from stacks.dumps import make_dumps
from stacks.names import kept_name
from stacks.retention import RETENTIONS
from stacks.roles import allow_connection
from stacks.settings import Stage

DATABASE_NAME = "holdfast"
MASTER_USER = "holdfast_admin"
CA_BUNDLE = "rds-ca-rsa2048-g1"
NO_EXTENDED_SUPPORT = "open-source-rds-extended-support-disabled"
QUIET_BACKUP, QUIET_MAINTENANCE = "02:10-02:40", "sun:05:30-sun:06:30"
INSIGHTS_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """What the other stacks need to know of the database; `dimensions` is how CloudWatch names it."""

    host: str
    port: int
    resource_id: str
    master_secret_arn: str
    dimensions: dict[str, str]


class LedgerStack(Stack):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        subnets: list[ec2.ISubnet],
        security_group: ec2.ISecurityGroup,
        **stack: object,
    ) -> None:
        super().__init__(scope, construct_id, **stack)  # type: ignore[arg-type]
        self.stage = stage
        self.key = self._make_key()
        self._subnet_group = rds.CfnDBSubnetGroup(
            self,
            "DatabaseSubnets",
            db_subnet_group_description="Isolated: no route in or out",
            subnet_ids=[each.subnet_id for each in subnets],
        )
        self._security_group = security_group
        self.database = self._make_aurora() if stage.engine == "aurora" else self._make_instance()
        self.dumps = make_dumps(self, stage=stage, key=self.key)
        allow_connection(self.dumps.roles["backup"], "backup", database=self.database.resource_id)
        self._tell()

    def _tell(self) -> None:
        outputs = {
            "DatabaseHost": self.database.host,
            "DatabasePort": str(self.database.port),
            "DatabaseIdentifier": next(iter(self.database.dimensions.values())),
            "MasterSecretArn": self.database.master_secret_arn,
            "DumpBucket": self.dumps.bucket.bucket_name,
            "KeyArn": self.key.key_arn,
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)

    # --- the key ----------------------------------------------------------------------------------------------------

    def _make_key(self) -> kms.Key:
        """One key for all that remembers. It is always kept: snapshots outlive the stack and die with their key."""
        key = kms.Key(
            self,
            "Key",
            description=f"{self.stage.prefix}: ledger, dumps, logs and topics",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        key.add_alias(f"alias/{self.stage.prefix}")
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="LogGroupsOfThisAccount",
                principals=[iam.ServicePrincipal(f"logs.{Aws.REGION}.amazonaws.com")],
                actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo",
                         "kms:GenerateDataKey", "kms:DescribeKey"],
                resources=["*"],
                conditions={
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": [
                            f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:{ours}"
                            for ours in (f"{self.stage.prefix}/*", f"/aws/rds/*/{self.stage.prefix}-*")
                        ]
                    }
                },
            )
        )  # fmt: skip
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsAndEventsToTopics",
                principals=[
                    iam.ServicePrincipal(f"{name}.amazonaws.com")
                    for name in ("cloudwatch", "events", "events.rds")
                ],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        return key

    # --- the database -----------------------------------------------------------------------------------------------

    @property
    def _kept(self) -> RemovalPolicy:
        return RemovalPolicy.RETAIN if self.stage.protected else RemovalPolicy.SNAPSHOT

    @property
    def _major(self) -> str:
        return self.stage.database_version.partition(".")[0]

    def _parameters(self, preload: str = "pg_stat_statements") -> dict[str, str]:
        """Times in milliseconds. A migration that needs longer says so for its own transaction."""
        return {
            "rds.force_ssl": "1",
            "max_connections": str(self.stage.database_connections_max),
            "shared_preload_libraries": preload,
            "log_min_duration_statement": str(self.stage.slow_query_ms),
            "log_lock_waits": "1",
            "statement_timeout": "60000",
            "lock_timeout": "10000",
            "idle_in_transaction_session_timeout": "60000",
            "tcp_keepalives_idle": "60",
            "track_io_timing": "1",
        }

    def _shared_properties(self) -> dict[str, object]:
        """What the instance and the cluster are told with the same words."""
        return {
            "engine_version": self.stage.database_version,
            "engine_lifecycle_support": NO_EXTENDED_SUPPORT,
            "master_username": MASTER_USER,
            "manage_master_user_password": True,
            "storage_encrypted": True,
            "kms_key_id": self.key.key_arn,
            "port": self._port,
            "db_subnet_group_name": self._subnet_group.ref,
            "backup_retention_period": self.stage.pitr_days,
            "delete_automated_backups": not self.stage.protected,
            "preferred_backup_window": QUIET_BACKUP,
            "preferred_maintenance_window": QUIET_MAINTENANCE,
            "copy_tags_to_snapshot": True,
            "deletion_protection": True,
            "enable_cloudwatch_logs_exports": ["postgresql"] if self.stage.database_logs else None,
        }

    def _keep_log(self, kind: str, name: str) -> logs.LogGroup | None:
        """Where RDS writes the server's log. It would make the group itself, to be kept for ever."""
        if not self.stage.database_logs:
            return None
        return logs.LogGroup(
            self,
            "DatabaseLogs",
            log_group_name=f"/aws/rds/{kind}/{name}/postgresql",
            encryption_key=self.key,
            retention=RETENTIONS[self.stage.log_days],
            removal_policy=RemovalPolicy.RETAIN if self.stage.protected else RemovalPolicy.DESTROY,
        )

    def _observed(self) -> dict[str, object]:
        """Enhanced monitoring and Performance Insights, each only where the stage pays for it."""
        found: dict[str, object] = {"enable_performance_insights": self.stage.performance_insights}
        if self.stage.performance_insights:
            found["performance_insights_kms_key_id"] = self.key.key_arn
            found["performance_insights_retention_period"] = INSIGHTS_DAYS
        if self.stage.monitoring_seconds:
            role = iam.Role(
                self,
                "MonitoringRole",
                assumed_by=iam.ServicePrincipal("monitoring.rds.amazonaws.com"),
                managed_policies=[
                    iam.ManagedPolicy.from_aws_managed_policy_name(
                        "service-role/AmazonRDSEnhancedMonitoringRole"
                    )
                ],
            )
            found["monitoring_interval"] = self.stage.monitoring_seconds
            found["monitoring_role_arn"] = role.role_arn
        return found

    @property
    def _port(self) -> object:
        # RDS takes the port of an instance as a text and that of a cluster as a number.
        return self.stage.database_port if self.stage.engine == "aurora" else str(self.stage.database_port)

    def _make_instance(self) -> Database:
        parameters = rds.CfnDBParameterGroup(
            self,
            "DatabaseParameters",
            family=f"postgres{self._major}",
            description=f"{self.stage.prefix}: TLS only, slow statements logged, nothing waits for ever",
            parameters=self._parameters(),
        )
        name = kept_name(self.stage.prefix)
        log = self._keep_log("instance", name)
        instance = rds.CfnDBInstance(
            self,
            "Database",
            db_instance_identifier=name,
            engine="postgres",
            db_name=DATABASE_NAME,
            db_instance_class=self.stage.database_class,
            allocated_storage=str(self.stage.storage_gb),
            max_allocated_storage=self.stage.storage_gb_max,
            storage_type="gp3",
            multi_az=self.stage.multi_az,
            publicly_accessible=False,
            ca_certificate_identifier=CA_BUNDLE,
            enable_iam_database_authentication=True,
            auto_minor_version_upgrade=True,
            allow_major_version_upgrade=False,
            db_parameter_group_name=parameters.ref,
            vpc_security_groups=[self._security_group.security_group_id],
            master_user_secret=rds.CfnDBInstance.MasterUserSecretProperty(kms_key_id=self.key.key_arn),
            **self._shared_properties(),  # type: ignore[arg-type]
            **self._observed(),  # type: ignore[arg-type]
            **self._copied(),  # type: ignore[arg-type]
        )
        instance.apply_removal_policy(self._kept)
        if log:
            instance.node.add_dependency(log)
        return Database(
            host=instance.attr_endpoint_address,
            port=self.stage.database_port,
            resource_id=instance.attr_dbi_resource_id,
            master_secret_arn=instance.attr_master_user_secret_secret_arn,
            dimensions={"DBInstanceIdentifier": instance.ref},
        )

    def _copied(self) -> dict[str, object]:
        """Automated backups in another region too, under a key there."""
        if not self.stage.copy_region:
            return {}
        return {
            "automatic_backup_replication_region": self.stage.copy_region,
            "automatic_backup_replication_kms_key_id": self.stage.copy_key_arn,
        }

    def _make_aurora(self) -> Database:
        parameters = rds.CfnDBClusterParameterGroup(
            self,
            "DatabaseParameters",
            family=f"aurora-postgresql{self._major}",
            description=f"{self.stage.prefix}: TLS only, slow statements logged, nothing waits for ever",
            parameters=self._parameters(),
        )
        name = kept_name(self.stage.prefix)
        log = self._keep_log("cluster", name)
        cluster = rds.CfnDBCluster(
            self,
            "Cluster",
            db_cluster_identifier=name,
            engine="aurora-postgresql",
            database_name=DATABASE_NAME,
            enable_iam_database_authentication=True,
            db_cluster_parameter_group_name=parameters.ref,
            vpc_security_group_ids=[self._security_group.security_group_id],
            master_user_secret=rds.CfnDBCluster.MasterUserSecretProperty(kms_key_id=self.key.key_arn),
            serverless_v2_scaling_configuration=rds.CfnDBCluster.ServerlessV2ScalingConfigurationProperty(
                min_capacity=_number(self.stage.acu_min), max_capacity=_number(self.stage.acu_max)
            ),
            **self._shared_properties(),  # type: ignore[arg-type]
        )
        cluster.apply_removal_policy(self._kept)
        if log:
            cluster.node.add_dependency(log)
        observed = self._observed()
        for number in range(1, 3 if self.stage.multi_az else 2):
            member = rds.CfnDBInstance(
                self,
                f"Member{number}",
                engine="aurora-postgresql",
                db_cluster_identifier=cluster.ref,
                db_instance_class="db.serverless",
                publicly_accessible=False,
                ca_certificate_identifier=CA_BUNDLE,
                auto_minor_version_upgrade=True,
                **observed,  # type: ignore[arg-type]
            )
            # It holds nothing: the cluster's storage does, and RDS refuses a snapshot of a member.
            member.apply_removal_policy(
                RemovalPolicy.RETAIN if self.stage.protected else RemovalPolicy.DESTROY
            )
        return Database(
            host=cluster.attr_endpoint_address,
            port=self.stage.database_port,
            resource_id=cluster.attr_db_cluster_resource_id,
            master_secret_arn=cluster.attr_master_user_secret_secret_arn,
            dimensions={"DBClusterIdentifier": cluster.ref},
        )


def _number(text: str) -> int | float:
    """jsii takes no Decimal; capacity units are halves, which a float holds exactly."""
    return float(Decimal(text))
