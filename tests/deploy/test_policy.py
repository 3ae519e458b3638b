"""The deployer's permissions: generated from the source and from the templates, bound to the stage, and no wider."""

import ast
import json
from itertools import chain

import pytest

from deploy.policy import CHARACTERS_MAX, HANDLERS, HOUSE, make_policies, scan_calls
from stacks.settings import STAGES, read_stage
from tests.deploy.write_handlers import render

ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def types() -> frozenset[str]:
    return frozenset(json.loads(HANDLERS.read_text("utf-8"))["types"])


def _policies(stage: str, types: frozenset[str]):
    return make_policies(read_stage(stage), account=ACCOUNT, types=types)


def _statements(stage: str, types: frozenset[str]):
    return list(chain.from_iterable(each["Statement"] for each in _policies(stage, types)))


@pytest.mark.parametrize("stage", STAGES)
def test_policies__fit_into_managed_policies(stage: str, types: frozenset[str]) -> None:
    sizes = [len(json.dumps(each, separators=(",", ":"))) for each in _policies(stage, types)]
    assert max(sizes) <= CHARACTERS_MAX
    assert len(sizes) <= 10, "a role takes ten"


def test_policies__every_action_is_named(types: frozenset[str]) -> None:
    actions = set(chain.from_iterable(each["Action"] for each in _statements("prod", types)))
    assert not [each for each in actions if "*" in each]
    assert {"ecs:DescribeServices", "s3:PutObject", "rds:CreateDBInstance"} <= actions


def test_policies__what_cloudformation_does_may_not_be_done_without_it(types: frozenset[str]) -> None:
    via = {"aws:CalledVia": "cloudformation.amazonaws.com"}
    alone = [
        each
        for each in _statements("prod", types)
        if each.get("Condition", {}).get("ForAnyValue:StringEquals") != via
        and "iam:PassRole" not in each["Action"]
    ]
    assert not {"iam:CreateRole", "rds:DeleteDBInstance", "kms:ScheduleKeyDeletion", "s3:DeleteBucket"} & set(
        chain.from_iterable(each["Action"] for each in alone)
    ) - {f"{service}:{operation}" for service, operation in scan_calls()}


def test_policies__roles_are_passed_to_four_services_and_are_the_stages_own(types: frozenset[str]) -> None:
    (passing,) = [each for each in _statements("dev", types) if "iam:PassRole" in each["Action"]]
    assert passing["Action"] == ["iam:PassRole"]
    assert passing["Resource"] == [f"arn:aws:iam::{ACCOUNT}:role/holdfast-dev-*"]
    assert len(passing["Condition"]["StringEquals"]["iam:PassedToService"]) == 4


def test_policies__a_stage_cannot_touch_the_roles_and_buckets_of_another(types: frozenset[str]) -> None:
    writing = [
        each
        for each in _statements("dev", types)
        if {"iam:PutRolePolicy", "s3:PutObject", "s3:PutBucketPolicy"} & set(each["Action"])
    ]
    assert writing
    assert all("holdfast-dev-" in arn for each in writing for arn in each["Resource"])


def _is_asked_of_aws(node: ast.Call) -> bool:
    who = node.func
    return (
        isinstance(who, ast.Attribute)
        and who.attr in ("call", "pages")
        and ast.unparse(who.value).rpartition(".")[2].lstrip("_") in ("cloud", "account")
    )


def _is_written_out(node: ast.Call) -> bool:
    return all(isinstance(each, ast.Constant) for each in node.args[:2])


def test_calls__every_one_in_the_source_is_written_out() -> None:
    """A call whose service or operation is computed would be missing from the permissions."""
    computed = [
        f"{path.name}:{node.lineno}"
        for path in sorted(HOUSE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and _is_asked_of_aws(node) and not _is_written_out(node)
    ]
    assert computed == []


def test_handlers__are_what_the_registry_says(types: frozenset[str]) -> None:
    assert HANDLERS.read_text("utf-8") == render(types)
