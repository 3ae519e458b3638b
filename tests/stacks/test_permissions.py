"""What each role and service may do: nothing with a star that is not listed here, and nothing more than yesterday."""

import re

import pytest

from tests.stacks.permissions import permissions
from tests.stacks.rewrite import STAGES, permission_path
from tests.stacks.rig import VARIANTS

every_variant = pytest.mark.parametrize("variant", VARIANTS)
STAR_ON_RESOURCES = re.compile(r"\| Allow \| ([\w-]+:\w+) \| \*(?: \||$)")
ONE_FOR_ALL = {"ecr:GetAuthorizationToken"}
# Of the agent that carries the page to whoever may see it; the API's alone.
CHANNEL = {f"ssmmessages:{each}" for each in
           ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")}  # fmt: skip
READERS = {"Backup": {"s3:PutObject"}, "Drill": {"s3:GetObject", "s3:ListBucket"}}
OF_THE_KEY_ITSELF = "Data/Key |"


@pytest.mark.parametrize("stage", STAGES)
def test_permissions__are_not_broadened(stage: str) -> None:
    before = set(permission_path(stage).read_text("utf-8").splitlines())
    added = [each for each in permissions(stage) if each not in before]
    assert added == [], "if this is meant: python -m tests.stacks.rewrite, and say why in the commit"


@pytest.mark.parametrize("stage", STAGES)
def test_permissions__what_is_gone_is_gone_from_the_snapshot_too(stage: str) -> None:
    assert permission_path(stage).read_text("utf-8").splitlines() == permissions(stage)


@every_variant
def test_permissions__no_action_is_a_star(variant: str) -> None:
    stars = [each for each in permissions(variant) if re.search(r"\| Allow \| \S*\*", each)]
    # The account's administrators own the key; without that line nobody could ever change its policy.
    assert [each for each in stars if not each.startswith("Data/Key | Allow | kms:* | * | by AWS:")] == []


@every_variant
def test_permissions__everything_at_once_is_only_where_aws_knows_nothing_narrower(variant: str) -> None:
    for each in permissions(variant):
        found = STAR_ON_RESOURCES.search(each)
        if found and not each.startswith(OF_THE_KEY_ITSELF):
            assert found[1] in ONE_FOR_ALL | (CHANNEL if "/ApiRole |" in each else set()), each


@every_variant
def test_permissions__who_writes_dumps_cannot_read_or_remove_them(variant: str) -> None:
    of_dumps = [each for each in permissions(variant) if each.startswith("Data/DumpsPolicy | Allow")]
    may = {
        role: {each.split(" | ")[2] for each in of_dumps if f"by AWS: ${{{role}Role." in each}
        for role in READERS
    }
    assert may == READERS
    api = [each.split(" | ") for each in of_dumps if "${ApiRole." in each]
    assert all(what == "s3:ListBucket" or where.endswith("/pg_dump/*.json") for _, _, what, where, _ in api)
    assert bool(api) == (variant == "shown")
    assert [
        each
        for each in permissions(variant)
        if "Role |" in each and "| s3:" in each and "CopyRole" not in each
    ] == []
    (others,) = [
        each
        for each in permissions(variant)
        if "| Deny | s3:PutObject |" in each and each.startswith("Data/DumpsPolicy")
    ]
    assert others.endswith("by AWS: * | if ArnNotEquals: aws:PrincipalArn: ${BackupRole.Arn}")
    assert not [each for each in permissions(variant) if "s3:Delete" in each or "BypassGovernance" in each]


@every_variant
def test_permissions__each_kind_connects_as_its_own_database_user(variant: str) -> None:
    users = {
        each.split(" | ")[0].partition("/")[2]: each.split(" | ")[3].rpartition("/")[2]
        for each in permissions(variant)
        if "rds-db:connect" in each
    }
    assert users == {
        "DeskRole": "holdfast_bot",
        "MigrateRole": "holdfast_migrator",
        "BackupRole": "holdfast_backup",
        "RetentionRole": "holdfast_retention",
        **({"ApiRole": "holdfast_api"} if variant == "shown" else {}),
    }


@every_variant
def test_permissions__artefacts_are_read_and_written_by_desks_and_removed_by_nobody(variant: str) -> None:
    of_artefacts = [each for each in permissions(variant) if each.startswith("Platform/ArtefactsPolicy |")]
    allowed = {tuple(each.split(" | ")[2:]) for each in of_artefacts if "| Allow |" in each}
    assert {(action, by) for action, _, by in allowed} == {
        (action, "by AWS: ${DeskRole.Arn}") for action in ("s3:GetObject", "s3:PutObject", "s3:ListBucket")
    }
    assert all(where.endswith("/artefacts/*") for action, where, _ in allowed if action != "s3:ListBucket")
    (others,) = [each for each in of_artefacts if "| Deny | s3:PutObject |" in each]
    assert others.endswith("by AWS: * | if ArnNotEquals: aws:PrincipalArn: ${DeskRole.Arn}")


def test_permissions__only_a_desk_is_given_the_keys_of_its_venue() -> None:
    readers = {
        each.split(" | ")[0]
        for each in permissions("two-desks")
        if "secretsmanager:" in each and "venue" in each
    }
    assert readers == {"Platform/DeskExecutionRole"}
    of_api = {
        each.split(" | ")[0] for each in permissions("shown") if "secretsmanager:" in each and "venue" in each
    }
    assert of_api == {"Platform/ApiExecutionRole"}


@every_variant
def test_permissions__a_role_is_passed_on_by_name_and_to_ecs_only(variant: str) -> None:
    passed = [each for each in permissions(variant) if "iam:PassRole" in each]
    assert passed
    assert all("iam:PassedToService: ecs-tasks.amazonaws.com" in each and "*" not in each for each in passed)


@every_variant
def test_permissions__services_of_other_accounts_get_nothing(variant: str) -> None:
    """Whoever is a service must speak for this account, except where the service has no other account to speak for."""
    for each in permissions(variant):
        if "by Service" in each and "sts:AssumeRole" not in each:
            assert "aws:SourceAccount" in each or "${AWS::AccountId}" in each, each
