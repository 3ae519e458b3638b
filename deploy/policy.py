"""What a deployer needs to be allowed, generated: the calls of this program, and what CloudFormation does in its name.

The first part is read from the source, where service and operation are literals. The second comes from CloudFormation's
own registry (handlers.json) for the types that the stage's templates use, and may only be done through CloudFormation.
Policies are split so that each fits the 6,144 characters of a managed policy.
"""

import argparse
import ast
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from deploy.cloud import iam_action
from deploy.errors import DONE, REFUSED
from stacks.settings import STAGES, Stage, read_stage

HOUSE = Path(__file__).parent
HANDLERS = HOUSE / "handlers.json"
CHARACTERS_MAX = 6144

# The registry lists what a type can do at all. What no template of ours asks for is left out, the dangerous first.
NEVER = (
    "s3tables:*",
    "s3:DeleteObject",
    "s3:*MetadataTable*",
    "s3:*Metadata*Table*",
    "s3:*Website",
    "s3:*Abac",
    "secretsmanager:TagResource",
    "rds:*ReadReplica",
    "rds:*RoleToDBInstance",
    "rds:*RoleFromDBInstance",
    "rds:RestoreDBInstance*",
    "iam:AttachRolePolicy",
    "iam:DetachRolePolicy",
    "iam:*UserPolicy",
    "iam:*GroupPolicy",
    "logs:*DataProtectionPolicy",
    "logs:*Integration",
    "logs:*LogDelivery",
    "s3:REST.*",
    "vpce:*",
    "vpc-lattice:*",
    "firehose:*",
    "autoscaling:*",
)
# RDS makes and keeps the administrator's secret itself, in the name of whoever makes the instance.
PASSED_TO = ("ecs-tasks.amazonaws.com", "scheduler.amazonaws.com", "vpc-flow-logs.amazonaws.com",
             "monitoring.rds.amazonaws.com")  # fmt: skip
# What may be bound to the stage by its name; the rest is bound to the region.
NAMED = {
    "s3": ("arn:aws:s3:::{prefix}-*",),
    "iam": ("arn:aws:iam::{account}:role/{prefix}-*",),
    "logs": ("arn:aws:logs:*:{account}:log-group:{prefix}*",),
    "sns": ("arn:aws:sns:*:{account}:{prefix}-*",),
    "events": ("arn:aws:events:*:{account}:rule/{prefix}-*",),
    "scheduler": ("arn:aws:scheduler:*:{account}:schedule/default/{prefix}-*",),
    "ecr": ("arn:aws:ecr:*:{account}:repository/{prefix}-*",),
    # Into tasks of the stage's cluster, and by the one document that carries a port and opens no shell.
    "ssm": (
        "arn:aws:ecs:*:{account}:task/{prefix}-*",
        "arn:aws:ssm:*::document/AWS-StartPortForwardingSession",
    ),
}
# Calls of those services that name no resource, or one that the stage did not make.
UNNAMED = frozenset(
    """
    s3:ListAllMyBuckets iam:ListRoles iam:CreateServiceLinkedRole logs:DescribeLogGroups
    logs:DescribeResourcePolicies logs:PutResourcePolicy logs:DeleteResourcePolicy logs:DescribeDeliveries
    logs:DescribeIndexPolicies sns:ListTopics ecr:GetAuthorizationToken events:ListRules logs:StartQuery
    logs:GetQueryResults ssm:CreateAssociation ssm:DeleteAssociation ssm:DescribeAssociation ssm:ListAssociations
    """.split()
)


def scan_calls(house: Path = HOUSE) -> frozenset[tuple[str, str]]:
    """Every (service, operation) that a module of the deployer names. The rehearsal is no deployer."""
    return frozenset(
        call
        for path in sorted(house.rglob("*.py"))
        if "rehearsal" not in path.relative_to(house).parts
        for call in _calls_in(ast.parse(path.read_text("utf-8")))
    )


def _calls_in(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr in ("call", "pages") and len(node.args) >= 2:
            service, operation = node.args[:2]
            if isinstance(service, ast.Constant) and isinstance(operation, ast.Constant):
                yield str(service.value), str(operation.value)


def handler_actions(types: frozenset[str], *, table: Path = HANDLERS) -> frozenset[str]:
    known = json.loads(table.read_text("utf-8"))["types"]
    return frozenset(
        action
        for each in types
        for action in known[each]
        if action != "iam:PassRole" and not any(fnmatch(action, never) for never in NEVER)
    )


def make_policies(stage: Stage, *, account: str, types: frozenset[str]) -> Sequence[Mapping[str, Any]]:
    """Whole policies, each small enough to be attached; `account` may be `*` where it is not known yet."""
    direct = frozenset(iam_action(service, operation) for service, operation in scan_calls())
    statements = [
        *_statements(direct, stage, account),
        *_statements(handler_actions(types) - direct, stage, account, via_cloudformation=True),
        _passing(stage, account),
    ]
    return [{"Version": "2012-10-17", "Statement": each} for each in _packed(statements)]


def _statements(
    actions: frozenset[str], stage: Stage, account: str, *, via_cloudformation: bool = False
) -> Iterator[dict[str, Any]]:
    """One statement for each service, bound to the stage's names where the service knows names."""
    condition: dict[str, Any] = {}
    if via_cloudformation:
        condition["ForAnyValue:StringEquals"] = {"aws:CalledVia": "cloudformation.amazonaws.com"}
    for service in sorted({each.split(":")[0] for each in actions}):
        own = {each for each in actions if each.startswith(f"{service}:")}
        named = own - UNNAMED if service in NAMED else set()
        if named:
            arns = [each.format(prefix=stage.prefix, account=account) for each in NAMED[service]]
            yield _allow(named, arns, condition)
        if rest := own - named:
            here = {} if service in ("iam", "sts", "s3") else {"aws:RequestedRegion": stage.region}
            yield _allow(rest, ["*"], {**condition, **({"StringEquals": here} if here else {})})


def _allow(actions: set[str], resources: list[str], condition: Mapping[str, Any]) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": sorted(actions), "Resource": resources}
    return {**statement, "Condition": dict(condition)} if condition else statement


def _passing(stage: Stage, account: str) -> dict[str, Any]:
    return _allow(
        {"iam:PassRole"},
        [f"arn:aws:iam::{account}:role/{stage.prefix}-*"],
        {"StringEquals": {"iam:PassedToService": list(PASSED_TO)}},
    )


def _packed(statements: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """As few policies as fit; a statement that alone is too large is cut in two."""
    pile: list[dict[str, Any]] = []
    for statement in [part for whole in statements for part in _cut(whole)]:
        if pile and _size([*pile, statement]) > CHARACTERS_MAX:
            yield pile
            pile = []
        pile.append(statement)
    if pile:
        yield pile


def _cut(statement: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if _size([statement]) <= CHARACTERS_MAX:
        yield statement
        return
    half = len(statement["Action"]) // 2
    for part in (statement["Action"][:half], statement["Action"][half:]):
        yield from _cut({**statement, "Action": part})


def _size(statements: list[dict[str, Any]]) -> int:
    """IAM counts no white space."""
    return len(json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":")))


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m deploy policy",
        description="What a deployer needs to be allowed, as managed policies.",
    )
    parser.add_argument("--stage", choices=sorted(STAGES), default="dev")
    parser.add_argument("--account", default="*", help="the account's number, to bind the policies to it")
    parser.add_argument("--templates", type=Path, help="folder of the templates (default: cdk.out/STAGE)")
    args = parser.parse_args(argv)
    folder = args.templates or Path("cdk.out", args.stage)
    types = frozenset(
        resource["Type"]
        for path in folder.glob("*.template.json")
        for resource in json.loads(path.read_text("utf-8"))["Resources"].values()
    )
    if not types:
        print(f"There are no templates in {folder}: run `make synth STAGE={args.stage}`.", file=sys.stderr)
        return REFUSED
    for each in make_policies(read_stage(args.stage), account=args.account, types=types):
        print(json.dumps(each, indent=1))
    return DONE
