"""Every permission in the templates as one line: who, may or may not, what, on what, if. Sorted, for short diffs."""

from collections.abc import Iterator
from typing import Any

from tests.stacks.rig import every_resource, text_of

POLICY_KINDS = {
    "AWS::IAM::Policy": "PolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::ECR::Repository": "RepositoryPolicyText",
    "AWS::EFS::FileSystem": "FileSystemPolicy",
    "AWS::IAM::Role": "AssumeRolePolicyDocument",
}


def permissions(variant: str) -> list[str]:
    return sorted(line for stack, name, body in every_resource(variant) for line in _lines(stack, name, body))


def _lines(stack: str, name: str, body: dict[str, Any]) -> Iterator[str]:
    key = POLICY_KINDS.get(body["Type"])
    holder = f"{stack}/{text_of({'Ref': name})[2:-1].removesuffix('DefaultPolicy')}"
    if key is None or key not in body["Properties"]:
        return
    for statement in body["Properties"][key]["Statement"]:
        yield from _statement(holder, statement)
    for arn in body["Properties"].get("ManagedPolicyArns", ()):
        yield f"{holder} | Managed | {text_of(arn)}"


def _statement(holder: str, statement: dict[str, Any]) -> Iterator[str]:
    principal = f" | by {text_of(statement['Principal'])}" if "Principal" in statement else ""
    condition = f" | if {text_of(statement['Condition'])}" if "Condition" in statement else ""
    for action in _listed(statement["Action"]):
        for resource in _listed(statement.get("Resource", "-")):
            yield f"{holder} | {statement['Effect']} | {action} | {text_of(resource)}{principal}{condition}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
