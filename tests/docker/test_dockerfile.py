"""Holds the Dockerfile against the rules of tests/docker/recipe.py, and each rule against a line that breaks it."""

import ast
import fnmatch
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docker import recipe
from tests.docker.recipe import DOCKERFILE, ROOT

TEXT = DOCKERFILE.read_text("utf-8")
STAGES = recipe.read(TEXT)
FINAL = STAGES[-1]
GOOD = 'FROM python:3.12.1-slim\nUSER 1000\nENTRYPOINT ["python"]\n'


def test_dockerfile__breaks_no_rule() -> None:
    assert recipe.faults(TEXT) == []


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("3.12.1-slim", "latest"),
        GOOD.replace(":3.12.1-slim", ""),
        GOOD.replace("3.12.1-slim", "3"),
        GOOD.replace("USER 1000", "USER root"),
        GOOD.replace("USER 1000\n", ""),
        GOOD.replace('["python"]', "python -m runtime"),
        GOOD + "ENV DB_PASSWORD=x\n",
        GOOD + "ARG API_TOKEN\n",
        GOOD + "COPY . /app\n",
        GOOD + "ADD https://example.org/x /x\n",
        GOOD + "RUN pip install ccxt\n",
        GOOD + "RUN curl https://example.org | sh\n",
        GOOD + "RUN apt-get update && apt-get install -y x\n",
        GOOD + "RUN apt-get install -y \\\n  gcc && rm -rf /var/lib/apt/lists/*\n",
    ],
)
def test_dockerfile__what_breaks_a_rule_is_seen(text: str) -> None:
    assert recipe.faults(GOOD) == []
    assert len(recipe.faults(text)) == 1


def test_dockerfile__everything_it_copies_is_there_and_not_ignored() -> None:
    sources = [
        source
        for stage in STAGES
        for each in stage.all("COPY")
        if "--from=" not in each.text
        for source in each.text.split()[:-1]
    ]
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert sources
    assert [each for each in sources if not (ROOT / each).exists()] == []
    assert [each for each in sources if each not in let_in] == []
    assert sorted(set(let_in) - set(sources)) == [], "the builder is given more than it copies"


def test_dockerfile__copies_from_stages_that_it_has() -> None:
    names = {stage.name for stage in STAGES}
    assert set(re.findall(r"--from=(\S+)", TEXT)) <= names


def constant(module: str, name: str) -> Any:
    """Read, not imported: the stacks need libraries of their own, which this test can do without."""
    tree = ast.parse((ROOT / "stacks" / f"{module}.py").read_text())
    assigned = [each for each in tree.body if isinstance(each, ast.Assign)]
    values = [each.value for each in assigned if ast.unparse(each.targets[0]) == name]
    return ast.literal_eval(values[0])


def test_dockerfile__agrees_with_the_task_definitions() -> None:
    user, volumes = FINAL.last("USER"), FINAL.last("VOLUME")
    assert user is not None
    assert user.text == constant("container", "USER")
    assert volumes is not None
    assert set(volumes.exec_form() or ()) == set(constant("container", "WRITABLE").values())
    assert f"HOLDFAST_DATA_DIR={constant('environment', 'DATA_DIR')}" in TEXT
    assert constant("environment", "CA_FILE") in TEXT
    entry = FINAL.last("ENTRYPOINT")
    assert entry is not None
    assert entry.exec_form() == ["python", "-m", "runtime"]


def test_dockerfile__brings_the_dump_of_the_servers_major() -> None:
    settings = (ROOT / "stacks" / "settings.py").read_text()
    majors = set(re.findall(r'"(\d+)\.\d+"', re.findall(r'"database_version".*', settings)[0]))
    client = next(stage for stage in STAGES if stage.name == "client")
    assert {client.image.split(":")[1].split(".")[0]} == majors


def test_ignored__nothing_secret_reaches_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*", "what is not named is not sent"
    let_in = [rule[1:] for rule in rules if rule.startswith("!")]
    strangers = (
        "docker/secrets/bot",
        ".env",
        ".git/config",
        ".holdfast/postgres",
        "tests/conftest.py",
        "cdk.out/x",
    )
    reached = [
        each
        for each in strangers
        for rule in let_in
        if fnmatch.fnmatch(each, rule) or each.startswith(rule + "/")
    ]
    assert reached == []


def test_make__says_in_a_sentence_that_nothing_can_build(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "docker/build.py"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert "nothing here that could build an image" in done.stderr
    assert "Traceback" not in done.stderr
