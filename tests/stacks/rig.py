"""Synthesises a stage in this process, once for each set of settings, and finds resources in the templates.

It touches a temporary folder only. Tests look at properties through it and never name a hashed id.
"""

import atexit
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import app as entry

ROOT = Path(__file__).resolve().parents[2]
SNAPSHOTS = Path(__file__).parent / "snapshots"
STACKS = ("Network", "Data", "Platform", "Tasks", "Bot", "Alarms-first", "Observability")
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:venue/first-AbCdEf"
OTHER_KEY = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"

# Every switch of the table that changes which resources there are, at least once.
VARIANTS: Mapping[str, Mapping[str, str]] = {
    "dev": {"stage": "dev"},
    "prod": {"stage": "prod"},
    "two-desks": {
        "stage": "prod",
        "desks": json.dumps(
            [
                {
                    "name": "one",
                    "account": "one",
                    "live": True,
                    "keys_secret_arn": SECRET,
                    "has_passphrase": True,
                },
                {"name": "two", "account": "two", "venue_url": "http://127.0.0.1:8080"},
            ]
        ),
    },
    "nat-instance": {"stage": "dev", "egress": "nat-instance"},
    "aurora": {"stage": "dev", "engine": "aurora"},
    "aurora-prod": {"stage": "prod", "engine": "aurora"},
    "messages": {"stage": "dev", "messages_secret_arn": SECRET, "message_ways": "webhook"},
    "shown": {"stage": "prod", "api_secret_arn": SECRET},
    "durable-spool": {"stage": "dev", "durable_spool": "yes", "on_store_loss": "reduce_only"},
    "endpoints": {"stage": "prod", "nat_count": "2", "interface_endpoints": "logs,ecr.api"},
    "copied": {"stage": "prod", "copy_region": "eu-west-1", "copy_key_arn": OTHER_KEY},
    "addressed": {"stage": "prod", "page_to": "pager@example.org"},
    "bounded": {"stage": "prod", "deployer_trust": "example/bots"},
}
Template = dict[str, Any]


@cache
def templates(variant: str) -> dict[str, Template]:
    """Read once for a thousand tests: they look at it, and none of them changes it."""
    return {name: json.loads(path.read_text("utf-8")) for name, path in paths(variant).items()}


@cache
def paths(variant: str) -> dict[str, Path]:
    folder = tempfile.mkdtemp(prefix=f"holdfast-{variant}-")
    atexit.register(shutil.rmtree, folder)
    app = entry.open_app(outdir=folder, context=dict(VARIANTS[variant]))
    built = entry.build(app)
    app.synth()
    return {name: Path(folder, f"{name}.template.json") for name in built}


def manifest(variant: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((paths(variant)["Bot"].parent / "manifest.json").read_text("utf-8"))
    return found


def resources(variant: str, kind: str) -> list[dict[str, Any]]:
    """Every resource of a type, whole, in whichever stack it stands."""
    return [body for _, _, body in every_resource(variant) if body["Type"] == kind]


def properties(variant: str, kind: str) -> list[dict[str, Any]]:
    return [body.get("Properties", {}) for body in resources(variant, kind)]


def every_resource(variant: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for stack, template in templates(variant).items():
        for name, body in template["Resources"].items():
            yield stack, name, body


def only(found: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(found) == 1, f"{len(found)} instead of one"
    return found[0]


# --- without hashes -------------------------------------------------------------------------------------------------

HASH = re.compile(r"[0-9A-F]{8}")
EXPORT = re.compile(r"(?:[a-z0-9-]+:)?ExportsOutput\w+")


def normalised(variant: str) -> dict[str, Template]:
    """The templates with the hashes of CDK's ids taken off, so that a rename elsewhere changes nothing here."""
    found = templates(variant)
    plain = {name: _plain(name) for template in found.values() for name in template["Resources"]}
    return {stack: _renamed(template, plain) for stack, template in found.items()}


def _plain(name: str) -> str:
    """A rule of a security group has its port after the hash, and then perhaps a hash of its own."""
    return re.sub(r"(?<=\w)[0-9A-F]{8}(\d{3,5})?([0-9A-F]{8})?$", r"\1", name, count=1)


def _renamed(value: Any, plain: Mapping[str, str]) -> Any:
    match value:
        case str() if EXPORT.fullmatch(value):
            return HASH.sub("", value)
        case str():
            return plain.get(value, value)
        case list():
            return [_renamed(each, plain) for each in value]
        case dict():
            return {_renamed(key, plain): _renamed(each, plain) for key, each in value.items()}
        case _:
            return value


def text_of(value: Any) -> str:
    """A reference or a joined text as one readable line, without hashes."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(text_of(part) for part in parts)
        case {"Ref": name}:
            return f"${{{_plain(name)}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{_plain(name)}.{attribute}}}"
        case {"Fn::ImportValue": name}:
            return f"${{{HASH.sub('', name)}}}"
        case {"Fn::Select": [index, {"Fn::Split": [separator, whole]}]}:
            return f"{text_of(whole)}[{separator}{index}]"
        case str():
            return value
        case dict():
            return ", ".join(f"{key}: {text_of(each)}" for key, each in sorted(value.items()))
        case list():
            return " or ".join(text_of(each) for each in value)
        case _:
            return json.dumps(value)
