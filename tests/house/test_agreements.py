"""Holds the agreements between two places against the real files, and shows on small false ones that each can fail."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from runtime import errors, settings
from tests.house import agreements
from tests.house.sources import ROOT, load_sources, parse_source

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ERRORS = {
    name: each
    for name, each in vars(errors).items()
    if isinstance(each, type) and issubclass(each, errors.BotError)
}


def read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def own_exit_codes() -> dict[str, int]:
    return {name: each.exit_code for name, each in ERRORS.items() if "exit_code" in vars(each)}


def test_settings__are_those_of_the_configuration_page() -> None:
    names = [each.metadata["name"] for each in fields(settings.Settings)]
    assert agreements.settings_and_page(names, read("docs/configuration.md")) == []


def test_settings__differences_are_seen_in_both_directions() -> None:
    assert len(agreements.settings_and_page(["HOLDFAST_A"], "`HOLDFAST_B`")) == 2


def test_exit_codes__stand_in_the_configuration_page_with_their_errors() -> None:
    assert agreements.exit_codes_and_page(own_exit_codes(), read("docs/configuration.md")) == []


def test_exit_codes__differences_are_seen_in_both_directions() -> None:
    page = "| 0 | done |\n| 1 | failed |\n| 2 | usage |\n| 13 | StoreLostAgain |\n| 77 | nobody |\n"
    faults = agreements.exit_codes_and_page({"StoreLost": 13}, page)
    assert [re.findall(r"\d+", fault) for fault in faults] == [["13"], ["77"]]
    assert len(agreements.exit_codes_and_page({}, "")) == 3


def test_exit_codes__mean_something_to_whoever_restarts_the_program() -> None:
    codes = {each.exit_code for each in ERRORS.values()}
    assert 0 not in codes
    assert max(codes) < 126, "the shell keeps the numbers from 126 on for itself"


def test_errors__are_given_exactly_the_facts_of_their_sentence() -> None:
    assert [fault for each in load_sources() for fault in agreements.facts_given(each, ERRORS)] == []


@pytest.mark.parametrize("call", ["errors.StoreLost(second=1)", "errors.StoreLost()"])
def test_errors__a_wrong_or_missing_fact_is_seen(call: str) -> None:
    assert len(agreements.facts_given(parse_source("x.py", call), ERRORS)) == 1


def test_errors__an_imported_name_is_followed() -> None:
    text = "from runtime.errors import StoreLost\nStoreLost(detail=1)"
    assert len(agreements.facts_given(parse_source("x.py", text), ERRORS)) == 1


def test_errors__all_stand_in_the_tree_at_the_top_of_their_module() -> None:
    drawn = errors.__doc__ or ""
    assert [name for name in ERRORS if not re.search(rf"\b{name}\b", drawn)] == []


def test_errors__every_sentence_can_be_spoken() -> None:
    for each in ERRORS.values():
        facts = {name: f"<{name}>" for name in agreements.facts_of(each)}
        assert all(fact in str(each(**facts)) for fact in facts.values()), each


def test_make__prints_a_line_for_every_verb() -> None:
    verbs = agreements.verbs_with_words(read("Makefile"))
    assert [verb for verb, words in verbs.items() if not words] == []
    printed = subprocess.run(
        ["make"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert [
        verb for verb, words in verbs.items() if f"make {verb} " not in printed or words not in printed
    ] == []


def test_make__a_verb_without_a_line_is_seen() -> None:
    assert agreements.verbs_with_words("run: x  ## go\nhalt: x\nA := b\n") == {"run": "go", "halt": ""}


def test_make__has_every_verb_that_the_pages_and_the_runner_call() -> None:
    verbs = set(agreements.verbs_with_words(read("Makefile")))
    called = {
        verb
        for page in [*PAGES, ROOT / ".ci/run"]
        for verb in agreements.verbs_called(page.read_text("utf-8"))
    }
    assert called - verbs == set()


def test_make__a_call_is_found_in_prose_and_in_blocks() -> None:
    assert agreements.verbs_called("say `make run`, then\nmake fly REV=1\nto make something") == {
        "run",
        "fly",
    }


def test_runner__runs_what_a_developer_runs() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert {"check", "test"} <= agreements.verbs_called(read(".ci/run"))


def test_decisions__are_numbered_without_gaps_and_titled() -> None:
    records = sorted((ROOT / "docs/decisions").iterdir())
    assert agreements.numbering(each.name for each in records) == []
    for each in records:
        assert each.read_text("utf-8").startswith(f"# {int(each.name[:4])}. "), each.name


@pytest.mark.parametrize(
    "names", [["0001-a.md", "0003-b.md"], ["0001-a.md", "0001-b.md"], ["1-a.md"], ["0001 A.md"]]
)
def test_decisions__gaps_doubles_and_odd_names_are_seen(names: list[str]) -> None:
    assert agreements.numbering(names)


def test_pages__link_only_to_what_is_there() -> None:
    there = {path.relative_to(ROOT).as_posix() for path in tracked_places()}
    texts = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in PAGES}
    assert [
        fault for page, text in texts.items() for fault in agreements.broken_links(page, text, there)
    ] == []


def tracked_places() -> list[Path]:
    tops = [path for path in ROOT.iterdir() if path.name not in (".git", ".venv", ".holdfast")]
    return [*tops, *(inner for top in tops if top.is_dir() for inner in top.rglob("*"))]


def test_pages__a_broken_link_is_seen() -> None:
    page = "[a](../README.md) [b](gone.md#x) [c](https://example.org/d)"
    assert agreements.broken_links("docs/x.md", page, {"README.md"}) == ["docs/x.md links to gone.md"]


def test_locks__are_whole_hashed_and_name_no_place() -> None:
    texts = (read("pyproject.toml"), read("requirements/runtime.txt"), read("requirements/test.txt"))
    assert agreements.lock_faults(*texts) == []


@pytest.mark.parametrize(
    ("runtime", "test"),
    [
        ("a==1 \\\n    --hash=sha256:00", "a==2 \\\n    --hash=sha256:00\nb==1 \\\n    --hash=sha256:00"),
        ("a==1", "a==1\nb==1 \\\n    --hash=sha256:00"),
        ("c==1 \\\n    --hash=sha256:00", "c==1 \\\n    --hash=sha256:00"),
        (
            "--index-url https://example.org\na==1 --hash=sha256:00",
            "a==1 --hash=sha256:00\nb==1 --hash=sha256:00",
        ),
    ],
    ids=["differing", "unhashed", "lacking", "placed"],
)
def test_locks__what_is_unsafe_is_seen(runtime: str, test: str) -> None:
    project = '[project]\ndependencies = ["a>=1"]\n[dependency-groups]\ntest = ["b"]'
    assert agreements.lock_faults(project, runtime, test)


def test_imports__keep_their_contracts() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
