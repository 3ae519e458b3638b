"""The templates as they were last meant, so that a reviewer sees in a diff what a change does to the account."""

import re

import pytest

from tests.stacks.rewrite import STAGES, render, snapshot_paths
from tests.stacks.rig import STACKS, normalised

# A hash without a letter looks like a number of bytes; the others give a slip away.
HASHED = re.compile(r"\b\w+(?=\d*[A-F])[0-9A-F]{8}\b")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("stack", STACKS)
def test_template__is_what_the_snapshot_says(stage: str, stack: str) -> None:
    said = snapshot_paths(stage)[stack].read_text("utf-8")
    assert render(normalised(stage)[stack]) == said, (
        "if this is meant: python -m tests.stacks.rewrite, read the diff"
    )


@pytest.mark.parametrize("stage", STAGES)
def test_snapshots__hold_no_hash(stage: str) -> None:
    for path in snapshot_paths(stage).values():
        assert HASHED.findall(path.read_text("utf-8")) == [], path.name


@pytest.mark.parametrize("stage", STAGES)
def test_snapshots__keep_every_resource_apart(stage: str) -> None:
    for stack, template in normalised(stage).items():
        assert len(template["Resources"]) > 0, stack
