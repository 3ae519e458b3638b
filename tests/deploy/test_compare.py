"""What differs between two templates, and that the table of replacing properties is the one of the public schemas."""

import json
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from deploy.changesets import HARMLESS
from deploy.compare import ADD, MODIFY, REMEMBERS, REMOVE, REPLACE, REPLACING, Change, compare
from deploy.permissions import broadened, permissions
from tests.stacks import rig

DATABASE = "AWS::RDS::DBInstance"


def template(**resources: Any) -> dict[str, Any]:
    return {"Resources": resources, "Parameters": {"Size": {"Type": "String", "Default": "1"}}}


def differ(old: dict[str, Any], new: dict[str, Any], **parameters: str) -> dict[str, Change]:
    found = compare("S", old, new, old_parameters={}, new_parameters=parameters)
    return {each.resource: each for each in found}


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def test_compare__equal_templates_have_no_difference_whatever_their_order() -> None:
    one = template(A=resource(DATABASE, DBName="a", Engine="postgres"))
    other = template(A=resource(DATABASE, Engine="postgres", DBName="a"))
    assert differ(one, other) == {}


@pytest.mark.parametrize(
    ("properties", "action"),
    [
        ({"DBName": "b"}, REPLACE),
        ({"Engine": "aurora-postgresql"}, REPLACE),
        ({"DBInstanceClass": "db.t4g.large"}, MODIFY),
        ({"MultiAZ": True}, MODIFY),
        ({"BackupRetentionPeriod": 7}, MODIFY),
    ],
)
def test_compare__says_whether_a_database_is_changed_or_replaced(
    properties: dict[str, Any], action: str
) -> None:
    before = {"DBName": "a", "Engine": "postgres", "DBInstanceClass": "db.t4g.micro"}
    changed = differ(
        template(A=resource(DATABASE, **before)), template(A=resource(DATABASE, **{**before, **properties}))
    )
    assert changed["A"].action == action
    assert changed["A"].loses == (action == REPLACE)
    assert changed["A"].properties == tuple(properties)


def test_compare__a_parameter_changes_what_refers_to_it() -> None:
    one = template(A=resource(DATABASE, DBName={"Ref": "Size"}), B=resource(DATABASE, DBName="b"))
    assert differ(one, one, Size="2")["A"].action == REPLACE
    assert "B" not in differ(one, one, Size="2")
    assert differ(one, one, Size="1") == {}


def test_compare__what_refers_to_something_replaced_changes_too() -> None:
    one = template(A=resource("AWS::ECS::TaskDefinition", Cpu="256"), B=resource("AWS::X", Of={"Ref": "A"}))
    two = template(A=resource("AWS::ECS::TaskDefinition", Cpu="512"), B=resource("AWS::X", Of={"Ref": "A"}))
    assert {name: each.action for name, each in differ(one, two).items()} == {"A": REPLACE, "B": MODIFY}


def test_compare__what_is_taken_out_is_a_loss_also_where_it_is_kept() -> None:
    kept = {**resource("AWS::S3::Bucket"), "DeletionPolicy": "Retain"}
    found = differ(template(A=kept, B=resource("AWS::SNS::Topic")), template(C=resource("AWS::SNS::Topic")))
    assert {name: (each.action, each.loses) for name, each in found.items()} == {
        "A": (REMOVE, True),
        "B": (REMOVE, False),
        "C": (ADD, False),
    }
    assert found["A"].kept


def create_only(kind: str) -> list[str]:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    conditional = [
        each
        for each in schema.get("conditionalCreateOnlyProperties", [])
        if each.rpartition("/")[2] not in HARMLESS
    ]
    found = [*schema.get("createOnlyProperties", []), *conditional]
    return sorted(
        each.removeprefix("/properties/").replace("/properties/", ".").replace("/", ".") for each in found
    )


def test_replacing__is_what_the_public_schemas_say_of_every_type() -> None:
    assert {kind: create_only(kind) for kind in REPLACING} == dict(REPLACING)


def test_replacing__knows_every_type_of_every_stage_and_all_that_remembers() -> None:
    used = {
        body["Type"]
        for variant in rig.VARIANTS
        for found in rig.templates(variant).values()
        for body in found["Resources"].values()
    }
    assert used | REMEMBERS <= REPLACING.keys()


# --- permissions ----------------------------------------------------------------------------------------------------


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {
        "P": template(Policy=resource("AWS::IAM::Policy", PolicyDocument={"Statement": list(statements)}))
    }


READ = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "b"}
WRITE = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": ["b", {"Ref": "C"}]}
NEVER = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"x": "false"}}}


def test_permissions__one_line_for_each_action_and_resource() -> None:
    assert permissions(policy(WRITE)) == {
        "P/Policy allow s3:PutObject on b",
        'P/Policy allow s3:PutObject on {"Ref":"C"}',
    }


def test_broadened__says_what_is_granted_and_what_is_forbidden_no_longer() -> None:
    assert broadened(policy(READ, NEVER), policy(READ, WRITE)) == (
        "P/Policy allow s3:PutObject on b",
        'P/Policy allow s3:PutObject on {"Ref":"C"}',
        'no longer: P/Policy deny s3:* on * if {"Bool":{"x":"false"}}',
    )


def test_broadened__less_is_not_more() -> None:
    assert broadened(policy(READ, WRITE), policy(READ, NEVER)) == ()
    assert broadened(policy(READ), policy(json.loads(json.dumps(READ)))) == ()


def test_broadened__a_condition_that_is_dropped_is_a_broadening() -> None:
    bound = {**READ, "Condition": {"StringEquals": {"a": "b"}}}
    assert broadened(policy(bound), policy(READ)) == ("P/Policy allow s3:GetObject on b",)
