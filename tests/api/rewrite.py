"""Writes the routes and shapes of docs/api.md again, out of the OpenAPI document: `make apidocs`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runtime.api import server

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
MARK = "<!-- What follows is written by `make apidocs`. -->\n"


def render(document: Mapping[str, Any]) -> str:
    return "\n".join([*_routes(document), "", *_shapes(document)]) + "\n"


def written(page: str, document: Mapping[str, Any]) -> str:
    return page[: page.index(MARK) + len(MARK)] + "\n" + render(document)


def _routes(document: Mapping[str, Any]) -> Iterator[str]:
    yield "## Routes"
    yield ""
    yield "| | Address | What it tells or does | Parameters | Answer |"
    yield "|---|---|---|---|---|"
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            yield f"| {method.upper()} | `{path}` | {told['description']} | {_parameters(told)} | {_answer(told)} |"


def _parameters(told: Mapping[str, Any]) -> str:
    named = [each for each in told.get("parameters", ()) if each["in"] == "query"]
    asked = [f"`{each['name']}`{'' if each.get('required') else '?'}" for each in named]
    body = told.get("requestBody")
    if body is not None:
        schema = body["content"]["application/json"]["schema"]
        wanted = schema.get("required", ())
        fields = (f"`{name}`{'' if name in wanted else '?'}" for name in schema["properties"])
        asked.append("body: " + ", ".join(fields))
    return ", ".join(asked) or "none"


def _answer(told: Mapping[str, Any]) -> str:
    status = next(each for each in told["responses"] if each.startswith("2"))
    return _type(told["responses"][status]["content"]["application/json"]["schema"])


def _shapes(document: Mapping[str, Any]) -> Iterator[str]:
    yield "## Shapes"
    yield ""
    yield "| Shape | Fields |"
    yield "|---|---|"
    for name, schema in sorted(document["components"]["schemas"].items()):
        if "properties" in schema and not name.startswith(("Page_", "HTTPValidation", "Validation")):
            fields = (f"`{field}`: {_type(each)}" for field, each in schema["properties"].items())
            yield f"| `{name}` | {', '.join(fields)} |"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"page of `{name[5:].rstrip('_')}`" if name.startswith("Page_") else f"`{name}`"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f'"{each}"' for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "anything")


def main() -> None:
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), server.describe()), encoding="utf-8")


if __name__ == "__main__":
    main()
