"""Writes deploy/handlers.json: what the caller of CloudFormation must be allowed, for each type of our templates.

From CloudFormation's registry of types as cfn-lint ships it: `python -m tests.deploy.write_handlers`. The newest
templates must be in cdk.out (`make synth STAGE=dev`, `make synth STAGE=prod`).
"""

import json
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "deploy" / "handlers.json"
SCHEMAS = files("cfnlint") / "data" / "schemas" / "resources"


def read_handlers(types: frozenset[str]) -> dict[str, list[str]]:
    """A type stands there in a schema for each group of regions, which differ; a deploy may be in any of them."""
    found: dict[str, set[str]] = {each: set() for each in types}
    for path in SCHEMAS.iterdir():
        if not path.name.endswith(".json"):
            continue
        schema = json.loads(path.read_text("utf-8"))
        if schema["typeName"] in types:
            for handler in schema.get("handlers", {}).values():
                found[schema["typeName"]].update(handler.get("permissions", ()))
    return {each: sorted(found[each]) for each in sorted(types)}


def types_of(templates: Path) -> frozenset[str]:
    return frozenset(
        resource["Type"]
        for path in templates.glob("*/*.template.json")
        for resource in json.loads(path.read_text("utf-8"))["Resources"].values()
    )


def render(types: frozenset[str]) -> str:
    source = f"CloudFormation's registry of types, as cfn-lint {version('cfn-lint')} ships it"
    return json.dumps({"source": source, "types": read_handlers(types)}, indent=1) + "\n"


if __name__ == "__main__":
    TARGET.write_text(render(types_of(ROOT / "cdk.out")), "utf-8")
