"""Writes the snapshots again, for a change that was meant: `python -m tests.stacks.rewrite`, then read the diff."""

import json
import os
from pathlib import Path

os.environ["CDK_VALIDATION"] = "false"

from tests.stacks.permissions import permissions
from tests.stacks.rig import SNAPSHOTS, normalised

STAGES = ("dev", "prod")


def snapshot_paths(stage: str) -> dict[str, Path]:
    return {name: SNAPSHOTS / stage / f"{name.lower()}.json" for name in normalised(stage)}


def render(template: object) -> str:
    return json.dumps(template, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def permission_path(stage: str) -> Path:
    return SNAPSHOTS / stage / "permissions.txt"


def main() -> None:
    for stage in STAGES:
        for name, path in snapshot_paths(stage).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(render(normalised(stage)[name]), encoding="utf-8")
        permission_path(stage).write_text("\n".join(permissions(stage)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
