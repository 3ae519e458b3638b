"""What compose.yaml promises: the migration gates, nothing is published, nothing may write where it need not.

Each service of ours is also held against the program: its command line is understood and its settings are accepted.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from runtime.__main__ import parser
from runtime.local import samples
from runtime.settings import Settings
from tests.docker.recipe import ROOT, STAGES_OF_IMAGE

COMPOSE: Mapping[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text("utf-8"))
SERVICES: Mapping[str, Any] = COMPOSE["services"]
OURS = [name for name, each in SERVICES.items() if "holdfast" in each["image"]]
DESKS = [name for name in OURS if SERVICES[name]["command"] == ["desk"]]
FINISHED = "service_completed_successfully"


def gates(name: str) -> set[tuple[str, str]]:
    """All that must be so before a service starts, over any number of steps."""
    direct = {(other, how["condition"]) for other, how in SERVICES[name].get("depends_on", {}).items()}
    return direct | {gate for other, _ in direct for gate in gates(other)}


def test_compose__has_a_desk_for_each_sample_account_and_no_other() -> None:
    accounts = {SERVICES[name]["environment"]["HOLDFAST_ACCOUNT"] for name in DESKS}
    known = json.loads((ROOT / "docker" / "paper_accounts.json").read_text())
    assert accounts == {each["name"] for each in known}
    text = samples.DESKS.read_text()
    assert all(f'name = "{each}"' in text for each in accounts)


@pytest.mark.parametrize("name", [*DESKS, "api"])
def test_compose__nothing_starts_before_the_migration_succeeded(name: str) -> None:
    assert {("migrate", FINISHED), ("postgres", "service_healthy")} <= gates(name)


@pytest.mark.parametrize("name", DESKS)
def test_compose__no_desk_starts_before_it_is_enrolled(name: str) -> None:
    assert ("enrol", FINISHED) in gates(name)


@pytest.mark.parametrize("name", ["migrate", "enrol"])
def test_compose__what_runs_once_is_not_started_again(name: str) -> None:
    assert SERVICES[name]["restart"] == "no"


def test_compose__publishes_nothing_beyond_this_machine() -> None:
    published = [port for each in SERVICES.values() for port in each.get("ports", ())]
    assert [port for port in published if not str(port).startswith("127.0.0.1:")] == []
    assert [name for name, each in SERVICES.items() if each.get("network_mode") == "host"] == []


@pytest.mark.parametrize("name", OURS)
def test_compose__our_containers_are_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "user" not in service, "the image's own user"
    assert not service.get("privileged")


@pytest.mark.parametrize("name", OURS)
def test_compose__our_commands_and_settings_are_understood(name: str) -> None:
    service = SERVICES[name]
    args = parser().parse_args(service["command"])
    settings = Settings.from_env(service.get("environment", {}))
    assert callable(args.act)
    if name in DESKS:
        assert settings.account
        assert service["stop_grace_period"] == "120s"
        assert settings.shutdown_seconds < 120


def test_compose__no_database_password_stands_in_it() -> None:
    for name, service in SERVICES.items():
        environment = service.get("environment", {})
        passwords = [key for key in environment if "PASSWORD" in key and not key.endswith("_FILE")]
        assert passwords == [], name
        assert ":" not in environment.get("DATABASE_URL", "").partition("://")[2].partition("@")[0]
    told = {each["file"] for each in COMPOSE["secrets"].values()}
    ignored = (ROOT / "docker" / ".gitignore").read_text().split()
    assert "/secrets/" in ignored
    assert all(each.startswith("./secrets/") for each in told)


def test_compose__every_role_that_signs_in_is_given_its_password() -> None:
    users = {
        each["environment"]["DATABASE_URL"].partition("://")[2].partition("@")[0]
        for each in SERVICES.values()
        if "DATABASE_URL" in each.get("environment", {})
    }
    made = re.findall(r"create role (\w+) login password", (ROOT / "docker/initdb/roles.sql").read_text())
    assert users == {*made, SERVICES["postgres"]["environment"]["POSTGRES_USER"]}


def test_compose__its_postgres_is_the_one_whose_client_the_image_has() -> None:
    assert SERVICES["postgres"]["image"] in {stage.image for stage in STAGES_OF_IMAGE}


def test_compose__every_file_that_it_mounts_is_there() -> None:
    mounted = [volume.split(":")[0] for each in SERVICES.values() for volume in each.get("volumes", ())]
    files = [each for each in mounted if each.startswith("./")]
    assert files
    assert [each for each in files if not (ROOT / "docker" / each).exists()] == []
    named = {each for each in mounted if not each.startswith("./")}
    assert named == set(COMPOSE["volumes"])
