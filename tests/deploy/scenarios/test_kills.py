"""Kill the deployer at every request that changes something, just after AWS carried it out and before the answer came;
run it again, and what stands in the end is the same: once migrated, once snapshotted, nothing twice and nothing lost.

Before the next change is after the last one: what is only looked at in between changes nothing. A few kills among the
looks are tried all the same, because time has gone by. Renewals of the lock are like each other: two of them are taken.
"""

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from deploy import lock
from tests.deploy.scenarios.stage import FIRST, SECOND, Scene, open_stage, stand

READS_BETWEEN = 90
PARTS = 3


def settle(scene: Scene) -> None:
    """Nobody renews the lock of a dead deployer: it ends by itself."""
    scene.aws.clock.wait(lock.TTL_SECONDS)


def update() -> Scene:
    scene = stand("dev")
    scene.push(SECOND, "v2")
    return scene


def first() -> Scene:
    scene = open_stage("dev")
    scene.run("deploy")
    scene.push(FIRST, "v1")
    scene.aws.asked.clear()
    return scene


def from_nothing() -> Scene:
    return open_stage("dev")


def ending() -> Scene:
    scene = stand("dev")
    scene.backups([scene.good_backup(), scene.good_backup()])
    return scene


@cache
def points(begin: Callable[[], Scene], verb: str) -> tuple[int, ...]:
    """The numbers of the requests after which it is worth to be killed, found by a run that is not."""
    scene = begin()
    scene.run(verb)
    found, renewals = [], []
    for number, each in enumerate(scene.aws.asked, start=1):
        if each.arguments.get("Key") == lock.KEY and each.changes:
            renewals.append(number)
        elif each.changes or number % READS_BETWEEN == 0:
            found.append(number)
    return tuple(sorted({*found, *renewals[:1], *renewals[-1:]}))


def kills(begin: Callable[[], Scene], verb: str, part: int) -> Iterator[tuple[Scene, int, str]]:
    """Scenes in which the deployer was killed, each at another point, what the next run said, and where it was."""
    for number in points(begin, verb)[part::PARTS]:
        scene = begin()
        with scene.aws.killed_at(number, afterwards=True):
            scene.run(verb)
            pytest.fail(f"it was not killed at request {number}")
        killed = scene.aws.asked[number - 1]
        settle(scene)
        done = scene.run(verb)
        yield scene, done.code, f"killed after request {number}, {killed.operation}: {done.says}"


@pytest.mark.parametrize("part", range(PARTS))
def test_deploy__killed_anywhere_and_run_again_ends_the_same(part: int) -> None:
    for scene, code, where in kills(update, "deploy", part):
        assert code == 0, where
        assert SECOND in scene.desk.definition.containers[0].image, where
        assert scene.desk.desired == 1, where
        assert scene.statuses() <= {"CREATE_COMPLETE", "UPDATE_COMPLETE"}, where
        assert scene.aws.ecs.ran.count("holdfast-dev-migrate") == 2, where
        assert scene.receipts()[-1]["digest"] == SECOND, where


@pytest.mark.parametrize("part", range(PARTS))
def test_first_deploy__killed_anywhere_and_run_again_ends_the_same(part: int) -> None:
    for scene, code, where in kills(first, "deploy", part):
        assert code == 0, where
        assert scene.desk.desired == 1, where
        assert scene.aws.ecs.ran.count("holdfast-dev-migrate") == 1, where
        assert len(scene.aws.ecs.desks) == 1, where


@pytest.mark.parametrize("part", range(PARTS))
def test_foundation__killed_anywhere_and_run_again_ends_the_same(part: int) -> None:
    """Up to the registry: there is no image yet, so the good end is exit code 4."""
    for scene, code, where in kills(from_nothing, "deploy", part):
        assert code == 4, where
        assert "docker push" in where, where
        assert scene.statuses() == {"CREATE_COMPLETE"}, where
        assert len(scene.aws.rds.instances) == 1, where


@pytest.mark.parametrize("part", range(PARTS))
def test_destroy__killed_anywhere_and_run_again_ends_the_same(part: int) -> None:
    for scene, code, where in kills(ending, "destroy", part):
        assert code == 0, where
        assert scene.statuses() == set(), where
        assert scene.aws.rds.instances == {}, where
        assert scene.aws.rds.deleted_without_snapshot == [], where
        assert len([each for each in scene.aws.rds.snapshots if "-final-" in each]) == 1, where
        assert scene.aws.ecs.ran.count("holdfast-dev-backup") == 1, where
        assert scene.receipts()[-1]["outcome"] == "destroyed", where
