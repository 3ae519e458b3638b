"""The two houses agree without importing each other: a desk is told exactly what the runtime's settings know."""

import re
from typing import Any

import pytest

from runtime.settings import Settings, names
from tests.stacks.rig import SECRET, VARIANTS, properties, text_of

# What ECS fetches when it starts a task, in a shape that the settings accept.
ARRIVES_AT_START = {"HOLDFAST_WEBHOOK_URL": "https://example.org/hook", "HOLDFAST_API_SECRET": "x" * 32}


def containers(variant: str, name: str) -> list[dict[str, Any]]:
    return [
        container
        for task in properties(variant, "AWS::ECS::TaskDefinition")
        for container in task["ContainerDefinitions"]
        if container["Name"] == name
    ]


def stand_in(text: str) -> str:
    """What CloudFormation will know, by something of its shape: the address of a secret, or a name of a host."""
    return SECRET if "SecretArn" in text else re.sub(r"\$\{[^}]*\}", "database.example.org", text)


def told(container: dict[str, Any]) -> dict[str, str]:
    """What the process will find in its environment, with a stand-in for what ECS fetches when it starts."""
    plain = {each["Name"]: stand_in(text_of(each["Value"])) for each in container["Environment"]}
    secrets = (each["Name"] for each in container.get("Secrets", ()))
    return plain | {name: ARRIVES_AT_START.get(name, "x") for name in secrets}


def test_desk__is_told_every_setting_and_no_other() -> None:
    with_keys, without = containers("two-desks", "desk")
    assert set(told(with_keys)) == set(names())
    assert set(names()) - set(told(without)) == {
        "HOLDFAST_VENUE_KEY",
        "HOLDFAST_VENUE_SECRET",
        "HOLDFAST_VENUE_PASSPHRASE",
    }


def test_api__listens_to_its_own_task_and_judges_tokens_as_the_stage_says() -> None:
    (container,) = containers("shown", "api")
    settings = Settings.from_env(told(container))
    assert (settings.api_host, settings.database_auth) == ("127.0.0.1", "iam")
    assert told(container)["DATABASE_URL"].startswith("postgresql://holdfast_api@")
    assert [each["ValueFrom"] for each in container["Secrets"]] == [f"{SECRET}:secret::"]
    assert SECRET not in str(container["Environment"])
    assert f":{settings.api_port}/api/v1/health" in container["HealthCheck"]["Command"][-1]
    # What AWS's agent writes to when somebody looks at the page; the root itself is read-only.
    mounted = {each["ContainerPath"] for each in container["MountPoints"]}
    assert mounted >= {"/tmp", "/managed-agents", "/var/lib/amazon/ssm", "/var/log/amazon/ssm"}
    assert containers("prod", "api") == []


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", ["desk", "migrate", "backup", "drill", "retention"])
def test_containers__are_told_what_the_settings_accept(variant: str, kind: str) -> None:
    for container in containers(variant, kind):
        settings = Settings.from_env(told(container))
        assert settings.log_level == "info"


def test_desk__leaves_before_it_is_killed() -> None:
    (container,) = containers("prod", "desk")
    settings = Settings.from_env(told(container))
    assert settings.shutdown_seconds < 110 < container["StopTimeout"]


def test_database__is_reached_over_verified_tls_without_a_password() -> None:
    for kind, user in (
        ("desk", "holdfast_bot"),
        ("migrate", "holdfast_migrator"),
        ("backup", "holdfast_backup"),
        ("retention", "holdfast_retention"),
    ):
        (container,) = containers("prod", kind)
        settings = Settings.from_env(told(container))
        assert told(container)["DATABASE_URL"].startswith(f"postgresql://{user}@")
        assert (settings.database_auth, settings.database_password_file) == ("iam", None)
        assert settings.database_ca is not None


def test_secret_of_the_administrator__is_told_to_the_migration_alone() -> None:
    kinds = ("desk", "migrate", "backup", "drill", "retention")
    told_to = {
        kind: told(containers("prod", kind)[0]).get("HOLDFAST_DATABASE_MASTER_SECRET") for kind in kinds
    }
    assert [kind for kind, given in told_to.items() if given] == ["migrate"]


def test_drill__is_told_of_no_database() -> None:
    (container,) = containers("prod", "drill")
    assert "DATABASE_URL" not in told(container)


def test_keys__come_from_a_secret_that_the_stacks_do_not_own() -> None:
    container = containers("two-desks", "desk")[0]
    fields = {each["Name"]: each["ValueFrom"] for each in container["Secrets"]}
    assert fields == {
        "HOLDFAST_VENUE_KEY": f"{SECRET}:key::",
        "HOLDFAST_VENUE_SECRET": f"{SECRET}:secret::",
        "HOLDFAST_VENUE_PASSPHRASE": f"{SECRET}:passphrase::",
    }


def test_messages__reach_people_by_a_secret_and_only_in_the_ways_that_the_stage_names() -> None:
    (container,) = containers("messages", "desk")
    fields = {each["Name"]: each["ValueFrom"] for each in container["Secrets"]}
    assert fields == {"HOLDFAST_WEBHOOK_URL": f"{SECRET}:webhook_url::"}
    assert told(container)["HOLDFAST_TELEGRAM_TOKEN"] == ""
    assert SECRET not in str(container["Environment"])


def test_folders__that_the_container_writes_to_are_mounted() -> None:
    (container,) = containers("prod", "desk")
    mounted = {each["ContainerPath"] for each in container["MountPoints"]}
    assert mounted == {told(container)["HOLDFAST_DATA_DIR"], "/tmp"}
