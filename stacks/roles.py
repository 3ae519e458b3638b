"""The kinds of task, the role that each is given, and the PostgreSQL user that its role may connect as.

Who may touch what remembers stands in one stack with it, the rest in the platform. Policies are written out where the
role is made: a grant given elsewhere would widen a role behind the reader's back.
"""

from collections.abc import Mapping

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.settings import API, Stage

KINDS = ("desk", "migrate", "backup", "drill", "retention")
# Who reads a secret when ECS starts the task: each has an execution role of its own.
WITH_SECRETS = ("desk", API)
DATABASE_USERS: Mapping[str, str] = {
    "desk": "holdfast_bot",
    "migrate": "holdfast_migrator",
    "backup": "holdfast_backup",
    "retention": "holdfast_retention",
    API: "holdfast_api",
}


def kinds_of(stage: Stage) -> tuple[str, ...]:
    return (*KINDS, API) if stage.has_api else KINDS


def execution_of(kind: str) -> str:
    """The kind of execution role that a kind of task starts under."""
    return kind if kind in WITH_SECRETS else "task"


def make_role(scope: Construct, kind: str, *, prefix: str) -> iam.Role:
    """Tasks of this account and region only, so that nobody else's task can borrow it."""
    arn_like = {"aws:SourceArn": f"arn:{Aws.PARTITION}:ecs:{Aws.REGION}:{Aws.ACCOUNT_ID}:*"}
    return iam.Role(
        scope,
        f"{kind.title()}Role",
        description=f"{prefix}: what a {kind} task may do",
        assumed_by=iam.ServicePrincipal(
            "ecs-tasks.amazonaws.com",
            conditions={"ArnLike": arn_like, "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
        ),
    )


def allow(role: iam.Role, actions: list[str], *resources: str) -> None:
    role.add_to_policy(iam.PolicyStatement(actions=actions, resources=list(resources)))


def allow_connection(role: iam.Role, kind: str, *, database: str) -> None:
    """As the one user of this kind; `database` is the id by which RDS's tokens know it."""
    who = f"arn:{Aws.PARTITION}:rds-db:{Aws.REGION}:{Aws.ACCOUNT_ID}:dbuser:{database}/{DATABASE_USERS[kind]}"
    allow(role, ["rds-db:connect"], who)
