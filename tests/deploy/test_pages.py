"""docs/deploy.md against the program: every verb, every exit code, and a runbook for each code that asks for one."""

import re
from pathlib import Path

from deploy import errors
from deploy.__main__ import VERBS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
RUNBOOKS = ROOT / "docs" / "runbooks" / "deploy"
CODES = {
    errors.DONE,
    errors.FAILED,
    errors.CHANGES,
    errors.ROLLED_BACK,
    errors.REFUSED,
    errors.LOCKED,
    errors.UNHEALTHY,
    errors.BAD_USAGE,
}
# Nothing is wrong, or the sentence itself is all there is to say.
WITHOUT_RUNBOOK = {errors.DONE, errors.CHANGES, errors.BAD_USAGE}


def _all_below(kind: type[errors.DeployError]) -> set[type[errors.DeployError]]:
    return {kind}.union(*(_all_below(each) for each in kind.__subclasses__()))


def test_page__names_every_verb() -> None:
    missing = [verb for verb in VERBS if not re.search(rf"`{verb}\b|deploy {verb}\b|make {verb}\b", PAGE)]
    assert missing == []


def test_page__lists_every_exit_code_and_no_other() -> None:
    assert {int(each) for each in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)} == CODES


def test_errors__leave_with_codes_that_are_listed() -> None:
    assert {each.exit_code for each in _all_below(errors.DeployError)} <= CODES


def test_runbooks__are_those_of_the_codes_and_each_says_what_to_type_first() -> None:
    found = {int(path.name.partition("-")[0]): path.read_text("utf-8") for path in RUNBOOKS.glob("[0-9]*.md")}
    assert set(found) == CODES - WITHOUT_RUNBOOK
    for text in found.values():
        assert re.search(r"## What it means\n.+## First\n\n```\n.+\n```\n.+## Then\n", text, re.DOTALL)
