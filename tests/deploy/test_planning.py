"""The verbs `plan` and `deploy` as a shell sees them, on the scripted AWS: what they ask, say and leave with."""

import json
from dataclasses import replace

import pytest

from deploy import cost, releases
from deploy.__main__ import main
from deploy.observe import observe
from deploy.plan import Wishes, plan
from deploy.review import as_json, render, review
from tests.deploy.scenarios.stage import FIRST, SECOND, Scene, open_stage, stand

LOOKING = ("Describe", "List", "Get", "Head", "BatchGet")


def looked_only(scene: Scene) -> bool:
    return all(each.operation.startswith(LOOKING) for each in scene.aws.asked)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_plan__asks_and_changes_nothing_and_its_code_says_whether_there_is_something_to_do(
    stage: str,
) -> None:
    scene = open_stage(stage)
    assert scene.run("plan").code == 2
    assert looked_only(scene)
    scene = stand(stage)
    assert scene.run("plan").code == 0
    assert scene.aws.asked
    scene.push(SECOND, "v2")
    found = scene.run("plan")
    assert found.code == 2
    assert looked_only(scene)
    assert f"desk.Image: {FIRST} -> {SECOND}" in found.told


def test_plan__in_one_report_of_resources_tasks_permissions_cost_and_steps() -> None:
    scene = open_stage("prod")
    said = scene.run("plan").told
    for part in (
        "Resources:",
        "Permissions that are new:",
        "SQL: revisions 0001 to",
        "Cost: ",
        "Steps:",
        "Then:",
    ):
        assert part in said, part


def test_review__text_and_json_hold_the_same() -> None:
    scene = stand()
    scene.push(SECOND, "v2")
    site = scene.site()
    desired = site.read_templates()
    observed = observe(site.cloud, desired)
    found = review(desired, observed, plan(desired, observed, Wishes()), cost.read_prices())
    told = json.loads(json.dumps(as_json(found)))
    text = "\n".join(render(found))
    assert all(each["resource"] in text for each in told["changes"])
    assert all(each in text for each in [*told["tasks"], *told["steps"], told["cost_after"]])


def test_review__shows_the_sql_of_revisions_that_the_database_has_not() -> None:
    scene = stand()
    site = scene.site()
    desired = site.read_templates()
    observed = observe(site.cloud, desired)
    behind = desired.revisions[-2].name
    newest = observed.releases[0]
    scene.aws.s3.put(scene.bucket, newest.key, releases.render(replace(newest, schema=behind)))
    observed = observe(site.cloud, desired)
    found = review(desired, observed, plan(desired, observed, Wishes()), cost.read_prices())
    assert [name for name, _ in found.sql] == [desired.head]
    assert found.sql[0][1].strip() in "\n".join(each.removeprefix("  ") for each in render(found))


def test_plan__a_role_that_is_gone_and_a_full_subnet_are_said_at_once() -> None:
    scene = stand()
    scene.push(SECOND, "v2")
    scene.aws.others.roles.pop()
    scene.aws.others.free_addresses = 3
    found = scene.run("plan")
    assert found.code == 4
    assert "is gone, and what takes it will fail" in found.told
    assert "has 3 free addresses" in found.told


def test_deploy__an_image_of_another_processor_is_refused_before_the_migration() -> None:
    scene = stand()
    scene.push(SECOND, "v2", architectures=("amd64",))
    found = scene.run("deploy")
    assert found.code == 4
    assert "for amd64" in found.says
    assert scene.aws.ecs.ran == ["holdfast-dev-migrate"]


def test_deploy__express_mode_is_refused() -> None:
    scene = stand()
    found = scene.run("deploy", "--express")
    assert found.code == 4
    assert not scene.aws.asked


@pytest.mark.parametrize("words", [["fly"], ["plan", "--stage", "moon"], ["deploy", "--bake-seconds", "x"]])
def test_usage__what_cannot_be_understood_has_a_code_of_its_own(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words, {})
    assert caught.value.code == 64


def test_deploy__a_bucket_whose_making_was_cut_short_is_finished_before_anything_is_kept_in_it() -> None:
    scene = open_stage()
    with scene.aws.killed_at(3, afterwards=True):
        scene.run("deploy")
    assert [each.operation for each in scene.aws.asked][-1] == "CreateBucket"
    scene.run("deploy")
    asked = [each.operation for each in scene.aws.asked]
    assert asked.index("PutBucketPolicy") < asked.index("PutObject")
    assert asked.count("PutBucketPolicy") == 1
