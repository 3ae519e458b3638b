"""Every permission of some templates as one line, and what a change grants that was not granted before. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

POLICY_KINDS = {
    "AWS::IAM::Policy": "PolicyDocument",
    "AWS::IAM::ManagedPolicy": "PolicyDocument",
    "AWS::IAM::Role": "AssumeRolePolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::ECR::Repository": "RepositoryPolicyText",
    "AWS::EFS::FileSystem": "FileSystemPolicy",
}


def permissions(templates: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(
        line
        for stack, template in templates.items()
        for name, body in template.get("Resources", {}).items()
        for line in _lines(f"{stack}/{name}", body)
    )


def broadened(old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """What is allowed now, and what is forbidden no longer. Of a stack that was not there, everything is new."""
    before, after = permissions(old), permissions(new)
    allowed = sorted(each for each in after - before if " deny " not in each)
    freed = sorted(f"no longer: {each}" for each in before - after if " deny " in each)
    return (*allowed, *freed)


def _lines(holder: str, body: Mapping[str, Any]) -> Iterator[str]:
    properties = body.get("Properties", {})
    for arn in properties.get("ManagedPolicyArns", ()):
        yield f"{holder} has {_text(arn)}"
    documents = [properties.get(POLICY_KINDS.get(body["Type"], ""), {})]
    documents += [each["PolicyDocument"] for each in properties.get("Policies", ()) if isinstance(each, dict)]
    for document in documents:
        for statement in _listed(document.get("Statement", ())):
            yield from _statement(holder, statement)


def _statement(holder: str, statement: Mapping[str, Any]) -> Iterator[str]:
    who = f" by {_text(statement['Principal'])}" if "Principal" in statement else ""
    when = f" if {_text(statement['Condition'])}" if "Condition" in statement else ""
    verb = statement["Effect"].lower()
    for action in _listed(statement.get("Action", statement.get("NotAction", "-"))):
        # All but some actions is another matter than these actions.
        other = "all but " if "NotAction" in statement else ""
        for resource in _listed(statement.get("Resource", "-")):
            yield f"{holder} {verb} {other}{action} on {_text(resource)}{who}{when}"


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
