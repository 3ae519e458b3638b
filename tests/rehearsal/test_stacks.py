"""Everything that our templates declare, made by the simulation: the guard over ministack's private parts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.stage import Stage


def test_dev__every_stack_and_every_resource_is_made(dev: Stage) -> None:
    dev.make(*[each for each in dev.stacks() if each.startswith(("Alarms", "Observability"))])
    _assert_all_made(dev)


def test_prod__every_stack_and_every_resource_is_made(
    client: Callable[[str], Any], synthesise: Callable[[str], Path]
) -> None:
    prod = Stage(client, "prod", synthesise("prod"))
    prod.make(*prod.stacks())
    _assert_all_made(prod)


def test_unknown_type__is_refused_before_anything_is_made(dev: Stage) -> None:
    template = {"Resources": {"New": {"Type": "AWS::Holdfast::Unheard", "Properties": {}}}}
    with pytest.raises(ClientError, match="AWS::Holdfast::Unheard"):
        dev.change("Unknown", template, kind="CREATE")


def test_log_group__that_exists_already_is_a_conflict(dev: Stage) -> None:
    """What an earlier life of a stage has kept; the simulation itself would take it over in silence."""
    dev.logs.create_log_group(logGroupName="left/over")
    declared = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "left/over"}}
    assert dev.change("Taken", {"Resources": {"Group": declared}}, kind="CREATE") == "ROLLBACK_COMPLETE"
    assert "AlreadyExists" in str(dev.failures("Taken"))


def test_task_definition__keeps_every_property_of_its_template(dev: Stage) -> None:
    declared = next(
        each["Properties"]
        for each in dev.template("Bot")["Resources"].values()
        if each["Type"] == "AWS::ECS::TaskDefinition"
    )
    arn = next(v for k, v in dev.resources("Bot").items() if k.startswith("DeskFirstTask"))
    kept = dev.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    container, wanted = kept["containerDefinitions"][0], declared["ContainerDefinitions"][0]
    assert kept["runtimePlatform"] == {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}
    assert container["healthCheck"]["command"] == wanted["HealthCheck"]["Command"]
    assert container["stopTimeout"] == wanted["StopTimeout"]
    assert container["logConfiguration"]["options"].keys() == wanted["LogConfiguration"]["Options"].keys()
    assert [each["name"] for each in container["environment"]] == [
        each["Name"] for each in wanted["Environment"]
    ]
    assert {key.lower() for key in container} == {key.lower() for key in wanted}


def _assert_all_made(stage: Stage) -> None:
    for stack in stage.stacks():
        declared, made = stage.template(stack)["Resources"], stage.resources(stack)
        assert made.keys() == declared.keys()
        assert all(made.values()), stack
