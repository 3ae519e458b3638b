"""Who may deploy and who may look on: nothing beyond the fence, and nothing that an onlooker could change or steal."""

import json
import re
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

import app as entry
from stacks.access import BOUNDARY, READING
from tests.stacks.permissions import permissions
from tests.stacks.rig import VARIANTS, properties, text_of

REPOSITORY = "example/bots"
SOMEBODY = "arn:aws:iam::123456789012:role/administrators"
POLICY = "arn:aws:iam::123456789012:policy/holdfast-prod-deployer-1"
ECS_ITSELF = "sts:AssumeRole"


@cache
def template(trust: str) -> dict[str, Any]:
    folder = mkdtemp(prefix="holdfast-access-")
    context: dict[str, object] = {"stage": "prod", "deployer_trust": trust, "deployer_policies": POLICY}
    app = entry.open_app(outdir=folder, context=context)
    entry.build_access(app)
    app.synth()
    made: dict[str, Any] = json.loads(Path(folder, "Access.template.json").read_text("utf-8"))
    return made


def resource(kind: str, name: str, trust: str = REPOSITORY) -> dict[str, Any]:
    (found,) = [
        body["Properties"]
        for key, body in template(trust)["Resources"].items()
        if body["Type"] == f"AWS::IAM::{kind}" and key.startswith(name)
    ]
    return dict(found)


def test_deployer__is_taken_by_one_environment_of_one_repository() -> None:
    (statement,) = resource("Role", "DeployerRole")["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"]["StringEquals"] == {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": "repo:example/bots:environment:prod",
    }


def test_deployer__may_be_a_role_of_the_account_instead() -> None:
    (statement,) = resource("Role", "DeployerRole", SOMEBODY)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"AWS": SOMEBODY}


def test_deployer__has_the_generated_policies_and_can_only_lose_by_ours() -> None:
    assert resource("Role", "DeployerRole")["ManagedPolicyArns"] == [POLICY]
    statements = resource("Policy", "DeployerRole")["PolicyDocument"]["Statement"]
    assert {each["Effect"] for each in statements} == {"Deny"}
    making = next(each for each in statements if "iam:CreateRole" in each["Action"])
    assert list(making["Condition"]) == ["StringNotEquals"]
    assert "Boundary" in text_of(making["Condition"]["StringNotEquals"]["iam:PermissionsBoundary"])


def test_operator__reads_and_neither_secrets_nor_dumps() -> None:
    (statement,) = resource("Policy", "OperatorRole")["PolicyDocument"]["Statement"]
    assert statement["Action"] == sorted(READING)
    verbs = {each.partition(":")[2] for each in READING}
    assert [
        each for each in verbs if not re.match(r"(Describe|List|Get|Filter|StartQuery|StopQuery)", each)
    ] == []
    assert [each for each in READING if each.startswith(("s3:", "secretsmanager:", "kms:", "iam:"))] == []


def test_boundary__is_wide_enough_for_every_role_and_no_wider() -> None:
    """An action that no role uses has no business in it, but for what AWS's own monitoring policy holds."""
    used = set()
    for variant in VARIANTS:
        for line in permissions(variant):
            holder, effect, action = line.split(" | ")[:3]
            of_a_role = "Role" in holder or "Starter" in holder or "by AWS: ${" in line
            if effect == "Allow" and of_a_role and action != ECS_ITSELF:
                used.add(action)
    monitoring = {
        "logs:CreateLogGroup",
        "logs:PutRetentionPolicy",
        "logs:DescribeLogStreams",
        "logs:GetLogEvents",
    }
    assert used <= set(BOUNDARY)
    assert set(BOUNDARY) - used <= monitoring


@pytest.mark.parametrize(("variant", "bounded"), [("bounded", True), ("prod", False)])
def test_roles__of_a_stage_are_bounded_where_somebody_is_trusted_to_deploy(
    variant: str, bounded: bool
) -> None:
    roles = properties(variant, "AWS::IAM::Role")
    assert len(roles) > 5
    fences = {text_of(each.get("PermissionsBoundary", "none")) for each in roles}
    expected = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/holdfast-prod-boundary"
    assert fences == ({expected} if bounded else {"none"})
