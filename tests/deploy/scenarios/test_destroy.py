"""Destroy: nothing is lost silently, nothing stays silently, and what would not go is explained and gone on with."""

import json

import pytest

from deploy import inventory
from deploy.cost import read_prices
from tests.deploy.scenarios.stage import FIRST, Scene, order
from tests.deploy.simulated.kms import Key
from tests.deploy.simulated.rollouts import OneOff
from tests.deploy.simulated.stack_parts import Course

BACKUP, DRILL = "holdfast-dev-backup", "holdfast-dev-drill"
DEADLY = ("rds:ModifyDBInstance", "rds:DeleteDBInstance", "cloudformation:DeleteStack", "ecr:BatchDeleteImage",
          "cloudformation:UpdateTerminationProtection", "s3:DeleteObjects", "rds:ModifyDBCluster")  # fmt: skip


def untouched(scene: Scene) -> bool:
    """Nothing was deleted, nor was what protects it lifted."""
    return not set(DEADLY) & set(scene.aws.changes()) and scene.database.protected


# --- the good end ---------------------------------------------------------------------------------------------------


def test_destroy__stops_copies_unprotects_and_deletes_in_that_order(doomed: Scene) -> None:
    done = doomed.run("destroy")
    assert done.code == 0, done.says
    assert order(
        doomed,
        "ecs:UpdateService",
        "ecs:RunTask",
        "rds:CreateDBSnapshot",
        "rds:ModifyDBInstance",
        "rds:DeleteDBInstance",
    ) == [
        "ecs:UpdateService",
        "ecs:RunTask",
        "rds:CreateDBSnapshot",
        "rds:ModifyDBInstance",
        "rds:DeleteDBInstance",
    ]
    assert doomed.statuses() == set()
    assert "has stopped and given its lease back" in done.told


def test_destroy__deletes_against_the_order_in_which_stacks_stand(doomed: Scene) -> None:
    assert doomed.run("destroy").code == 0
    assert [each.name.removeprefix("holdfast-dev-") for each in doomed.aws.cloudformation.deleted] == [
        "observability",
        "alarms-first",
        "bot",
        "tasks",
        "platform",
        "data",
        "network",
    ]


def test_plan__says_what_dies_what_stays_and_what_it_costs_and_changes_nothing(prod: Scene) -> None:
    done = prod.run("destroy", "--plan")
    assert done.code == 2
    assert prod.aws.changes() == []
    assert f"dies          database {prod.database.name}" in done.told
    assert "1.00 USD a month: key" in done.told
    assert "3.65 USD a month: address" in done.told
    assert "blocks        Stage prod is protected" in done.told


def test_leftovers__the_receipt_equals_a_fresh_inventory(prod: Scene) -> None:
    assert prod.run("destroy", "--confirm", "holdfast-prod").code == 0
    bucket = prod.aws.s3.buckets[prod.bucket]
    (key,) = [each for each in bucket.keys if each.startswith("leftovers/")]
    found = bucket.latest(key)
    assert found is not None
    told = json.loads(found.body or b"")
    now = inventory.fetch(prod.aws.account(), prod.stage, read_prices())
    assert [(each["kind"], each["name"], each["usd"]) for each in told["things"]] == [
        (each.kind, each.name, str(each.usd)) for each in now
    ]
    assert told["usd_a_month"] == str(inventory.total(now))
    assert {each.kind for each in now} >= {"snapshot", "bucket", "key", "log group", "registry", "address"}
    assert all(each.removal for each in now)


def test_inventory__passes_by_a_key_that_lets_nobody_look(prod: Scene) -> None:
    prod.aws.kms.keys["strange"] = Key("strange", is_closed=True)
    done = prod.run("destroy", "--plan")
    assert done.code == 2, done.says


def test_destroy__in_dev_takes_the_images_and_in_prod_keeps_them(doomed: Scene, prod: Scene) -> None:
    """CloudFormation deletes no registry that holds an image."""
    assert doomed.run("destroy").code == 0
    assert doomed.aws.ecr.repositories == {}
    assert prod.run("destroy", "--confirm", "holdfast-prod").code == 0
    assert [len(each.images) for each in prod.aws.ecr.repositories.values()] == [1]


def test_destroy__in_prod_keeps_the_automated_backups_and_the_drill_proves_the_dump(prod: Scene) -> None:
    assert prod.run("destroy", "--confirm", "holdfast-prod").code == 0
    assert prod.aws.ecs.ran[-2:] == ["holdfast-prod-backup", "holdfast-prod-drill"]
    assert len(prod.aws.rds.backups) == 1


def test_destroy__again_finds_nothing_to_do(doomed: Scene) -> None:
    assert doomed.run("destroy").code == 0
    doomed.aws.asked.clear()
    assert doomed.run("destroy").code == 0
    assert doomed.aws.changes() == []


def test_destroy__of_nothing_is_done_at_once(fresh: Scene) -> None:
    assert fresh.run("destroy").code == 0
    assert fresh.aws.changes() == []


def test_destroy__of_a_stage_that_never_came_beyond_its_registry_needs_the_ledger_given_up(
    fresh: Scene,
) -> None:
    """There is a database, and no task yet that could back it up."""
    fresh.run("deploy")
    done = fresh.run("destroy")
    assert done.code == 4
    assert "there is no backup task" in done.says
    assert untouched(fresh)
    assert fresh.run("destroy", "--without-backup").code == 0
    assert fresh.statuses() == set()


# --- asked in words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [(), ("--confirm", "yes"), ("--confirm", "holdfast-dev"), ("--without-backup",)]
)
def test_destroy__of_a_protected_stage_must_be_typed(prod: Scene, words: tuple[str, ...]) -> None:
    done = prod.run("destroy", *words)
    assert done.code == 4
    assert "CONFIRM=holdfast-prod" in done.says
    assert prod.aws.changes() == []


def test_destroy__without_a_backup_is_only_done_when_that_is_typed(scene: Scene) -> None:
    assert scene.run("destroy", "--without-backup").code == 0
    assert scene.aws.ecs.ran.count(BACKUP) == 0
    assert scene.aws.rds.deleted_without_snapshot != []


# --- the last copies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (OneOff(exit_code=1, lines=("pg_dump: error: connection refused",)), "connection refused"),
        (
            OneOff(exit_code=None, stop_code="TaskFailedToStart", reason="CannotPullContainerError"),
            "CannotPull",
        ),
        (OneOff(failures=("RESOURCE:MEMORY",)), "RESOURCE:MEMORY"),
        (OneOff(exit_code=0), "no manifest"),
    ],
)
def test_backup__that_did_not_succeed_deletes_nothing(scene: Scene, script: OneOff, words: str) -> None:
    scene.backups([script])
    done = scene.run("destroy")
    assert done.code == 4
    assert words in done.says
    assert "Nothing was deleted" in done.says
    assert untouched(scene)


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        ({"said": 640}, "of 640 bytes, and there is 64 bytes"),
        ({"age_seconds": 7200}, "before the desks stopped"),
    ],
)
def test_backup__that_only_says_that_it_is_one_deletes_nothing(
    scene: Scene, lie: dict[str, int], words: str
) -> None:
    scene.backups([scene.good_backup(**lie)])
    done = scene.run("destroy")
    assert done.code == 4
    assert words in done.says
    assert untouched(scene)


def test_backup__of_yesterday_does_not_count(scene: Scene) -> None:
    """A task that ended well and wrote nothing finds the old manifest still there."""
    scene.dump()
    scene.aws.clock.wait(3600)
    scene.backups([OneOff(exit_code=0)])
    done = scene.run("destroy")
    assert done.code == 4
    assert "before the desks stopped" in done.says


def test_backup__whose_dump_is_gone_deletes_nothing(scene: Scene) -> None:
    def lose() -> None:
        scene.dump()
        bucket = next(each for name, each in scene.aws.s3.buckets.items() if "-dumps" in name)
        bucket.versions = [each for each in bucket.versions if not each.key.endswith(".dump")]

    scene.backups([OneOff(on_exit=lose)])
    done = scene.run("destroy")
    assert done.code == 4
    assert "there is nothing" in done.says
    assert untouched(scene)


def test_backup__that_failed_is_made_anew_by_the_next_run(scene: Scene) -> None:
    scene.backups([OneOff(exit_code=1), scene.good_backup()])
    assert scene.run("destroy").code == 4
    assert scene.run("destroy").code == 0
    assert scene.aws.ecs.ran.count(BACKUP) == 2


def test_drill__that_fails_in_prod_deletes_nothing(prod: Scene) -> None:
    prod.aws.ecs.one_offs["holdfast-prod-drill"] = [OneOff(exit_code=8, lines=("rows differ: fills",))]
    done = prod.run("destroy", "--confirm", "holdfast-prod")
    assert done.code == 4
    assert "rows differ: fills" in done.says
    assert untouched(prod)


@pytest.mark.parametrize(
    ("seconds", "status", "word"), [(60, "failed", "is failed"), (None, "", "still creating")]
)
def test_snapshot__that_is_not_available_deletes_nothing(
    doomed: Scene, seconds: float | None, status: str, word: str
) -> None:
    doomed.aws.rds.snapshot_seconds, doomed.aws.rds.snapshot_status = seconds, status
    done = doomed.run("destroy")
    assert done.code == 4
    assert word in done.says
    assert untouched(doomed)


def test_snapshot__that_was_begun_before_is_found_again(doomed: Scene) -> None:
    doomed.aws.rds.snapshot_seconds = 5 * 3600
    assert doomed.run("destroy").code == 4
    assert doomed.run("destroy").code == 0
    assert len(doomed.aws.rds.snapshots) == 1
    assert doomed.aws.ecs.ran.count(BACKUP) == 1


def test_copies__do_not_count_when_the_desk_has_traded_since(doomed: Scene) -> None:
    """The first destroy fails late; somebody starts the desk again; what it then did is in no copy."""
    doomed.aws.refuse("rds", "ModifyDBInstance", "AccessDenied")
    assert doomed.run("destroy").code == 1
    assert doomed.run("deploy").code == 4
    doomed.push(FIRST, "v1")
    redeployed = doomed.run("deploy")
    assert redeployed.code == 0, redeployed.says
    assert doomed.run("destroy").code == 0
    assert doomed.aws.ecs.ran.count(BACKUP) == 2
    assert len([each for each in doomed.aws.rds.snapshots if "-final-" in each]) == 2


def test_database__that_is_stopped_cannot_be_copied_and_says_so(doomed: Scene) -> None:
    doomed.database.status = "stopped"
    done = doomed.run("destroy")
    assert done.code == 4
    assert "it is stopped" in done.says
    assert doomed.aws.changes() == []


# --- what trades ----------------------------------------------------------------------------------------------------


def test_stop__the_alarms_are_told_first_and_nobody_is_woken(doomed: Scene) -> None:
    """By their parameter, which the next deploy sets again: switched-off actions would stay off."""
    doomed.aws.refuse("ecs", "RunTask", "AccessDenied")
    assert doomed.run("destroy").code == 1
    assert set(doomed.aws.cloudformation.stacks["holdfast-dev-alarms-first"].parameters.values()) == {"0"}
    assert order(doomed, "cloudformation:ExecuteChangeSet", "ecs:UpdateService") == [
        "cloudformation:ExecuteChangeSet",
        "ecs:UpdateService",
    ]
    assert doomed.aws.count("cloudwatch", "DisableAlarmActions") == 0


def test_stop__alarms_that_cannot_be_told_do_not_stop_a_destroy(doomed: Scene) -> None:
    doomed.aws.cloudformation.courses["holdfast-dev-alarms-first"] = [Course(refused="no")]
    done = doomed.run("destroy")
    assert done.code == 0
    assert "may ring" in done.told


def test_stop__a_desk_that_is_killed_is_said_to_keep_its_lease(doomed: Scene) -> None:
    doomed.desk.says_goodbye = False
    done = doomed.run("destroy")
    assert done.code == 0
    assert "without giving its lease back" in done.told


def test_stop__a_desk_that_does_not_stop_deletes_nothing(doomed: Scene) -> None:
    doomed.desk.stop_seconds = 7200
    done = doomed.run("destroy")
    assert done.code == 1
    assert "Nothing was deleted" in done.says
    assert untouched(doomed)
    assert doomed.aws.ecs.ran.count(BACKUP) == 0


def test_stop__a_desk_that_somebody_starts_again_at_once_is_stopped_again(doomed: Scene) -> None:
    doomed.aws.clock.after(
        200, lambda: doomed.aws.ecs.update_service({"service": doomed.desk.name, "desiredCount": 1})
    )
    first = doomed.run("destroy")
    assert first.code in (0, 1)
    assert doomed.run("destroy").code == 0
    assert doomed.aws.rds.deleted_without_snapshot == []


def test_stop__a_scheduled_task_that_runs_is_waited_for_and_not_stopped(doomed: Scene) -> None:
    definition = next(each for each in doomed.aws.ecs.definitions.values() if each.family == DRILL)
    task = doomed.aws.ecs.tasks.run_once(definition, OneOff(seconds=300))
    done = doomed.run("destroy")
    assert done.code == 0, done.says
    assert task.stop_code == "EssentialContainerExited"
    assert "family:holdfast-dev-drill has ended" in done.told
