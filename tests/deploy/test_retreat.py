"""The way back where there is none: a first release, a schema that does not suit, a person who pauses in the middle."""

from dataclasses import replace

from deploy import releases
from tests.deploy.scenarios.stage import FIRST, SECOND, THIRD, Scene, open_stage, stand
from tests.deploy.simulated.rollouts import Rollout


def newest(scene: Scene) -> releases.Release:
    site = scene.site()
    return releases.fetch_all(site.cloud, site.bucket)[0]


def test_first_release__whose_alarm_rings_is_stopped_and_the_next_one_starts() -> None:
    scene = open_stage()
    assert scene.run("deploy").code == 4
    scene.push(FIRST, "v1")
    scene.aws.others.ring("holdfast-dev-heartbeat-first", after_seconds=300)
    failed = scene.run("deploy", "--bake-seconds", "600")
    assert failed.code == 1
    assert "none to go back to" in failed.says
    assert "holdfast-dev-heartbeat-first rang" in failed.says
    assert scene.desk.desired == 0
    assert newest(scene).outcome == releases.STOPPED
    scene.aws.others.alarms["holdfast-dev-heartbeat-first"].state = "OK"
    scene.push(SECOND, "v2")
    done = scene.run("deploy", "--bake-seconds", "30")
    assert done.code == 0, done.says
    assert scene.desk.desired == 1


def test_rollback__across_a_schema_that_the_old_program_does_not_suit_stops_the_desks() -> None:
    scene = stand()
    release = newest(scene)
    older = replace(release, program="0001", schema="0001")
    scene.aws.s3.put(scene.bucket, release.key, releases.render(older))
    scene.push(SECOND, "v2")
    scene.aws.ecs.rollouts = [Rollout(ends="ROLLBACK_SUCCESSFUL")]
    failed = scene.run("deploy", "--bake-seconds", "30")
    assert failed.code == 1
    assert "knows schema 0001" in failed.says
    assert scene.desk.desired == 0
    assert newest(scene).outcome == releases.STOPPED
    # We stopped it, not a person: what is mended starts it again.
    scene.push(THIRD, "v3")
    done = scene.run("deploy", "--bake-seconds", "30")
    assert done.code == 0, done.says
    assert scene.desk.desired == 1


def test_pause__in_the_middle_of_a_roll_is_kept_and_is_no_failure() -> None:
    scene = stand()
    scene.push(SECOND, "v2")

    def pause() -> None:
        scene.aws.s3.put(scene.bucket, "paused/first", b"{}")
        scene.aws.ecs.tasks.scale(scene.desk, 0)

    scene.aws.ecs.rollouts = [Rollout(seconds=60, on_end=pause)]
    done = scene.run("deploy", "--bake-seconds", "30")
    assert done.code == 0, done.says
    assert scene.desk.desired == 0
    assert newest(scene).desks == {"first": 0}
    scene.push(FIRST, "v3")
    assert scene.run("deploy", "--bake-seconds", "30").code == 0
    assert scene.desk.desired == 0
