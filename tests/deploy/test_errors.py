"""The deployer's errors are for people: each can be spoken, is given its facts, and has a code that is told."""

import re

import pytest

from deploy import errors
from tests.house import agreements
from tests.house.sources import ROOT, dotted_name, load_sources

ERRORS = {
    name: each
    for name, each in vars(errors).items()
    if isinstance(each, type) and issubclass(each, errors.DeployError)
}


@pytest.mark.parametrize("name", ERRORS)
def test_sentence__can_be_spoken_with_its_facts(name: str) -> None:
    facts = {each: f"<{each}>" for each in agreements.facts_of(ERRORS[name])}
    said = str(ERRORS[name](**facts))
    assert all(fact in said for fact in facts.values())


@pytest.mark.parametrize("name", ERRORS)
def test_tree__at_the_top_of_the_module_shows_it(name: str) -> None:
    assert re.search(rf"\b{name}\b", errors.__doc__ or "")


def test_facts__every_error_of_the_deployer_is_given_those_of_its_sentence() -> None:
    faults = []
    for source in load_sources():
        # cloud.py hands facts on as a mapping; the rehearsal's AWS has errors of its own, which are AWS's.
        if not source.stands_in("deploy") or source.stands_in("deploy/cloud.py", "deploy/rehearsal"):
            continue
        for call in source.calls():
            name = dotted_name(call.func).removeprefix("errors.")
            given = {str(each.arg) for each in call.keywords}
            if name in ERRORS and None not in {each.arg for each in call.keywords}:
                wanted = agreements.facts_of(ERRORS[name])
                faults += [f"{source.path}:{call.lineno} {name} {given}"] if given != wanted else []
    assert faults == []


def test_codes__are_those_of_the_page() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    told = {int(code) for code, _ in agreements.EXIT_CODE_ROW.findall(page)}
    codes = {each.exit_code for each in ERRORS.values()}
    assert codes | {errors.DONE, errors.CHANGES} == told


def test_image_missing__the_commands_stand_on_lines_of_their_own() -> None:
    said = str(errors.ImageMissing(image="v1", commands="one x && two y"))
    assert said.splitlines()[-2:] == ["    one x", "    two y"]
