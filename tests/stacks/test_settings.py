"""The table of stages: it is whole, it is valid, and what is wrong with an override is said all at once."""

from dataclasses import fields

import pytest

from stacks.settings import STAGES, TABLE, BadStage, Desk, Stage, read_stage
from tests.stacks.rig import SECRET


def test_table__has_a_row_for_every_field_and_no_other() -> None:
    assert set(TABLE) == {each.name for each in fields(Stage)} - {"name"}


@pytest.mark.parametrize("name", STAGES)
def test_table__every_stage_is_valid_as_it_stands(name: str) -> None:
    assert read_stage(name).name == name


def test_table__both_columns_have_the_same_types() -> None:
    assert [row for row, (dev, prod) in TABLE.items() if type(dev) is not type(prod)] == []


@pytest.mark.parametrize(
    ("key", "given", "read"),
    [
        ("storage_gb_max", "100", 100),
        ("multi_az", "yes", True),
        ("egress", "nat-instance", "nat-instance"),
        ("venue_ports", "443,9443", (443, 9443)),
        ("page_to", "a@example.org,b@example.org", ("a@example.org", "b@example.org")),
        ("desks", '[{"name": "a", "account": "b"}]', (Desk(name="a", account="b"),)),
    ],
)
def test_override__a_text_of_the_command_line_becomes_what_the_row_holds(
    key: str, given: str, read: object
) -> None:
    assert getattr(read_stage("dev", {key: given}), key) == read


@pytest.mark.parametrize(
    ("key", "given"),
    [
        ("account_id", "12"),
        ("region", "nowhere"),
        ("copy_region", "us-east-1"),
        ("copy_region", "eu-west-1"),
        ("copy_key_arn", "arn:aws:kms:eu-west-1:123456789012:key/x"),
        ("cidr", "10.0.0.0/28"),
        ("cidr", "300.0.0.0/16"),
        ("egress", "vpn"),
        ("nat_count", "3"),
        ("on_store_loss", "reduce_only"),
        ("on_store_loss", "sell"),
        ("interface_endpoints", "s3x"),
        ("venue_ports", "0"),
        ("venue_ports", ""),
        ("engine", "mysql"),
        ("database_version", "9.6"),
        ("database_class", "db.x1.huge"),
        ("database_port", "5432"),
        ("database_connections_max", "1"),
        ("storage_gb", "10"),
        ("storage_gb_max", "20"),
        ("acu_min", "0.3"),
        ("acu_min", "4"),
        ("pitr_days", "0"),
        ("monitoring_seconds", "7"),
        ("slow_query_ms", "0"),
        ("dump_lock_days", "400"),
        ("desks", "[]"),
        ("desk_memory_mb", "700"),
        ("task_cpu", "300"),
        ("drill_storage_gb", "20"),
        ("log_days", "31"),
        ("backup_schedule", "daily"),
        ("retention_schedule", "at night"),
        ("message_ways", "webhook"),
        ("message_ways", "pigeon"),
        ("messages_secret_arn", SECRET),
        ("api_secret_arn", "my-secret"),
        ("api_jwks_url", "http://issuer.example.org/keys"),
        ("api_audience", " "),
        ("api_port", "443"),
        ("page_to", "nobody"),
        ("deployer_trust", "anybody"),
        ("deployer_policies", "arn:aws:iam::123456789012:policy/without-trust"),
        ("protected", "yes"),
        ("multi_az", "perhaps"),
        ("storage_gb", "much"),
        ("no_such_row", "1"),
    ],
)
def test_override__what_cannot_be_is_refused(key: str, given: str) -> None:
    with pytest.raises(BadStage) as caught:
        read_stage("dev", {key: given})
    assert any(key in fault for fault in caught.value.faults)


@pytest.mark.parametrize(
    "desk",
    [
        {"name": "Loud", "account": "a"},
        {"name": "a", "account": " "},
        {"name": "a", "account": "a", "keys_secret_arn": "my-key"},
        {"name": "a", "account": "a", "live": True},
        {
            "name": "a",
            "account": "a",
            "live": True,
            "keys_secret_arn": SECRET,
            "venue_url": "http://localhost",
        },
        {"name": "a", "account": "a", "keys_secret_arn": SECRET},
        {"name": "a"},
        {"name": "a", "account": "a", "colour": "red"},
        {"name": "api", "account": "a"},
        "a",
    ],
)
def test_desk__what_cannot_be_is_refused(desk: object) -> None:
    with pytest.raises(BadStage):
        read_stage("dev", {"desks": [desk]})


def test_desks__one_account_is_never_on_two() -> None:
    twice = [{"name": "a", "account": "x"}, {"name": "b", "account": "x"}]
    with pytest.raises(BadStage, match="same account"):
        read_stage("dev", {"desks": twice})


def test_faults__are_all_told_at_once() -> None:
    with pytest.raises(BadStage) as caught:
        read_stage("dev", {"egress": "vpn", "pitr_days": "99", "log_days": "2"})
    assert len(caught.value.faults) == 3


def test_context__flags_of_cdk_are_not_taken_for_settings() -> None:
    assert read_stage("dev", {"@aws-cdk/core:x": True, "aws:cdk:y": 1, "stage": "dev"}) == read_stage("dev")


def test_stage__another_name_is_refused() -> None:
    with pytest.raises(BadStage, match="there is no stage"):
        read_stage("staging")
