"""Who may deploy a stage and who may look at it: a template of its own, which an administrator applies once, by hand.

The deployer's rights are generated from its own calls and from what the templates hold (`python -m deploy policy`);
they are managed policies, which this role is given by their ARNs. Whatever they say, it can make no role that is not
bounded by ours, and so cannot hand out what it has not. The operator reads, and reads neither secrets nor dumps.
"""

from aws_cdk import Aws, CfnOutput, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct

from stacks.settings import Stage

GITHUB = "token.actions.githubusercontent.com"

# Everything that a role of these stacks does, whatever on: a test holds the roles' own policies against it.
BOUNDARY = tuple(
    """
    ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetAuthorizationToken ecr:GetDownloadUrlForLayer
    ecs:RunTask elasticfilesystem:ClientMount elasticfilesystem:ClientWrite iam:PassRole
    kms:Decrypt kms:Encrypt kms:GenerateDataKey logs:CreateLogGroup logs:CreateLogStream logs:DescribeLogStreams
    logs:GetLogEvents logs:PutLogEvents logs:PutRetentionPolicy rds-db:connect
    s3:GetObject s3:GetObjectLegalHold s3:GetObjectRetention s3:GetObjectVersionAcl s3:GetObjectVersionForReplication
    s3:GetObjectVersionTagging s3:GetReplicationConfiguration s3:ListBucket s3:PutObject s3:ReplicateObject
    s3:ReplicateTags secretsmanager:GetSecretValue
    ssmmessages:CreateControlChannel ssmmessages:CreateDataChannel ssmmessages:OpenControlChannel
    ssmmessages:OpenDataChannel
    """.split()
)
READING = tuple(
    """
    cloudformation:DescribeStackEvents cloudformation:DescribeStackResources cloudformation:DescribeStacks
    cloudformation:GetTemplate cloudformation:ListStackResources cloudformation:ListStacks
    cloudwatch:DescribeAlarmHistory cloudwatch:DescribeAlarms cloudwatch:GetDashboard cloudwatch:GetMetricData
    cloudwatch:GetMetricStatistics cloudwatch:ListDashboards cloudwatch:ListMetrics ec2:DescribeAddresses
    ec2:DescribeNetworkInterfaces ec2:DescribeSecurityGroups ec2:DescribeSubnets ecr:DescribeImages
    ecr:DescribeRepositories ecs:DescribeClusters ecs:DescribeServiceDeployments ecs:DescribeServices
    ecs:DescribeTaskDefinition ecs:DescribeTasks ecs:ListClusters ecs:ListServiceDeployments ecs:ListServices
    ecs:ListTasks elasticfilesystem:DescribeFileSystems logs:DescribeLogGroups logs:DescribeLogStreams
    logs:FilterLogEvents logs:GetLogEvents logs:GetQueryResults logs:StartQuery logs:StopQuery
    rds:DescribeDBClusters rds:DescribeDBInstanceAutomatedBackups rds:DescribeDBInstances rds:DescribeDBSnapshots
    rds:DescribeEvents rds:DescribePendingMaintenanceActions scheduler:GetSchedule scheduler:ListSchedules
    sns:GetTopicAttributes sns:ListSubscriptionsByTopic sns:ListTopics
    """.split()
)
BOUNDED_CALLS = (
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
)


class AccessStack(Stack):
    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage, **stack: object) -> None:
        super().__init__(scope, construct_id, **stack)  # type: ignore[arg-type]
        self.stage = stage
        boundary = iam.ManagedPolicy(
            self,
            "Boundary",
            managed_policy_name=boundary_name(stage),
            description=f"{stage.prefix}: the most that any role of the stage may do",
            statements=[iam.PolicyStatement(actions=list(BOUNDARY), resources=["*"])],
        )
        deployer = self._make_deployer(boundary)
        operator = iam.Role(
            self,
            "OperatorRole",
            description=f"{stage.prefix}: looks at everything but secrets and dumps, changes nothing",
            assumed_by=iam.AccountPrincipal(Aws.ACCOUNT_ID),
        )
        operator.add_to_policy(iam.PolicyStatement(actions=list(READING), resources=["*"]))
        for name, role in (("Deployer", deployer), ("Operator", operator)):
            CfnOutput(self, f"{name}RoleArn", value=role.role_arn)

    def _make_deployer(self, boundary: iam.ManagedPolicy) -> iam.Role:
        role = iam.Role(
            self,
            "DeployerRole",
            description=f"{self.stage.prefix}: deploys the stage",
            assumed_by=self._trusted(),
            managed_policies=[
                iam.ManagedPolicy.from_managed_policy_arn(self, f"Deploying{number}", arn)
                for number, arn in enumerate(self.stage.deployer_policies, start=1)
            ],
        )
        unbounded = {"StringNotEquals": {"iam:PermissionsBoundary": boundary.managed_policy_arn}}
        for actions, resources, conditions in (
            (BOUNDED_CALLS, ["*"], unbounded),
            (("iam:DeleteRolePermissionsBoundary",), ["*"], None),
            # The fence is not the deployer's to move.
            (("iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:SetDefaultPolicyVersion"),
             [boundary.managed_policy_arn], None),
        ):  # fmt: skip
            role.add_to_policy(
                iam.PolicyStatement(
                    effect=iam.Effect.DENY,
                    actions=list(actions),
                    resources=resources,
                    conditions=conditions,
                )
            )
        return role

    def _trusted(self) -> iam.IPrincipal:
        trust = self.stage.deployer_trust
        if trust.startswith("arn:"):
            return iam.ArnPrincipal(trust)
        # An environment of the repository, which GitHub lets wait for a person's consent; not any branch.
        return iam.FederatedPrincipal(
            f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:oidc-provider/{GITHUB}",
            {
                "StringEquals": {
                    f"{GITHUB}:aud": "sts.amazonaws.com",
                    f"{GITHUB}:sub": f"repo:{trust}:environment:{self.stage.name}",
                }
            },
            "sts:AssumeRoleWithWebIdentity",
        )


def boundary_name(stage: Stage) -> str:
    return f"{stage.prefix}-boundary"


def bound(scope: IConstruct, stage: Stage) -> None:
    """Every role below gets the boundary, which must be there: the access template comes before the stage."""
    arn = f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:policy/{boundary_name(stage)}"
    fence = iam.ManagedPolicy.from_managed_policy_arn(scope, "Fence", arn)  # type: ignore[arg-type]
    iam.PermissionsBoundary.of(scope).apply(fence)
