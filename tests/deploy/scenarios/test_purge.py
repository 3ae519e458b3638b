"""Purge: what a destroy leaves is deleted when that is asked for in words, and nothing that a lock protects."""

from datetime import timedelta

import pytest

from tests.deploy.scenarios.stage import Result, Scene, open_stage


def purge(scene: Scene) -> Result:
    return scene.run("destroy", "--purge", "--confirm", f"purge-{scene.stage.prefix}")


@pytest.mark.parametrize("confirm", ["", "holdfast-dev", "purge-holdfast-prod", "yes"])
def test_purge__must_be_typed_even_where_nothing_is_protected(doomed: Scene, confirm: str) -> None:
    done = doomed.run("destroy", "--purge", "--confirm", confirm)
    assert done.code == 4
    assert "CONFIRM=purge-holdfast-dev" in done.says
    assert doomed.aws.changes() == []


def test_purge__respects_what_is_locked_and_keeps_the_key_for_it(doomed: Scene) -> None:
    done = purge(doomed)
    assert done.code == 0, done.says
    assert "locked until 2026-11-22" in done.told
    assert any("-dumps" in name for name in doomed.aws.s3.buckets)
    assert all(each.state == "Enabled" for each in doomed.aws.kms.keys.values())
    assert "it still protects" in done.told
    assert doomed.aws.rds.snapshots == {}
    assert not any(each.arguments.get("BypassGovernanceRetention") for each in doomed.aws.asked)


def test_purge__takes_the_rest_when_the_lock_has_ended(doomed: Scene) -> None:
    assert purge(doomed).code == 0
    for bucket in doomed.aws.s3.buckets.values():
        for each in bucket.versions:
            each.retained_until = doomed.aws.clock.now() - timedelta(seconds=1)
    assert purge(doomed).code == 0
    assert list(doomed.aws.s3.buckets) == [doomed.bucket]
    assert {each.state for each in doomed.aws.kms.keys.values()} == {"PendingDeletion"}


def test_purge__takes_versions_and_delete_markers_over_many_pages(doomed: Scene) -> None:
    bucket = next(each for name, each in doomed.aws.s3.buckets.items() if "-dumps" in name)
    bucket.lock_days = 0
    for number in range(9):
        doomed.aws.s3.put(bucket.name, f"pg_dump/old-{number % 4}", b"x")
    doomed.aws.account().call("s3", "DeleteObject", Bucket=bucket.name, Key="pg_dump/old-1")
    assert purge(doomed).code == 0
    assert bucket.name not in doomed.aws.s3.buckets


def test_purge__of_prod_ends_addresses_images_logs_and_backups_too(prod: Scene) -> None:
    assert purge(prod).code == 0
    assert prod.aws.others.addresses == {}
    assert prod.aws.ecr.repositories == {}
    assert prod.aws.logs.groups == {}
    assert prod.aws.rds.backups == {}
    assert prod.aws.others.file_systems == {}


def test_stage__of_another_name_is_never_touched(doomed: Scene) -> None:
    """holdfast-dev and holdfast-devel begin alike."""
    for each in ("holdfast-devel-data-dumps", "holdfast-devel"):
        doomed.aws.account().call("s3", "CreateBucket", Bucket=each)
    doomed.aws.logs.groups["holdfast-devel/desk"] = type(next(iter(doomed.aws.logs.groups.values())))(
        "holdfast-devel/desk"
    )
    assert purge(doomed).code == 0
    assert {"holdfast-devel-data-dumps", "holdfast-devel"} <= set(doomed.aws.s3.buckets)
    assert "holdfast-devel/desk" in doomed.aws.logs.groups


def test_variants__are_those_of_the_stacks() -> None:
    assert open_stage("prod", variant="aurora-prod").stage.engine == "aurora"
