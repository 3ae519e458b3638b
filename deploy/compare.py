"""What differs between two templates, resource by resource, and what a difference does to the resource. Pure.

CloudFormation says the same in a change set, but making one is a change; a plan only looks. Which properties can only
be set when a resource is made stands in replacing.json, taken from the public schemas of the types.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ADD, MODIFY, REPLACE, REMOVE = "add", "modify", "replace", "remove"

# To lose one of these is to lose what nobody can make again.
REMEMBERS = frozenset(
    """AWS::RDS::DBInstance AWS::RDS::DBCluster AWS::S3::Bucket AWS::KMS::Key AWS::SecretsManager::Secret
    AWS::EFS::FileSystem AWS::ECR::Repository AWS::Backup::BackupVault""".split()
)
REPLACING: Mapping[str, list[str]] = json.loads(Path(__file__).with_name("replacing.json").read_text("utf-8"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`properties` are the paths that differ; `kept` says that its deletion policy keeps what is taken out."""

    stack: str
    resource: str
    type: str
    action: str
    properties: tuple[str, ...] = ()
    kept: bool = False

    @property
    def loses(self) -> bool:
        """Whether something that remembers would no longer be there, or no longer be ours."""
        return self.action in (REPLACE, REMOVE) and self.type in REMEMBERS


def compare(
    stack: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    old_parameters: Mapping[str, str],
    new_parameters: Mapping[str, str],
) -> tuple[Change, ...]:
    before = fill(old.get("Resources", {}), _values(old, old_parameters))
    after = fill(new.get("Resources", {}), _values(new, new_parameters))
    return tuple(_changes(stack, before, after))


def fill(tree: Any, values: Mapping[str, str]) -> Any:
    """The tree with every reference to a parameter replaced by the parameter's value."""
    if isinstance(tree, dict):
        if set(tree) == {"Ref"} and tree["Ref"] in values:
            return values[tree["Ref"]]
        return {name: fill(each, values) for name, each in tree.items()}
    return [fill(each, values) for each in tree] if isinstance(tree, list) else tree


def _values(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    declared = template.get("Parameters", {})
    return {name: str(given.get(name, each.get("Default", ""))) for name, each in declared.items()}


def _changes(stack: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    replaced = set()
    for name in sorted({*before, *after}):
        change = _change(stack, name, before.get(name), after.get(name))
        if change:
            replaced |= {name} if change.action == REPLACE else set()
            yield change
    touched = {name for name in after if before.get(name) == after[name] and refers(after[name], replaced)}
    for name in sorted(touched):
        yield Change(
            stack=stack,
            resource=name,
            type=after[name]["Type"],
            action=MODIFY,
            properties=("refers to what is replaced",),
        )


def refers(tree: Any, names: set[str]) -> bool:
    if isinstance(tree, dict):
        found = tree.get("Ref") or (tree.get("Fn::GetAtt") or [None])[0]
        return found in names or any(refers(each, names) for each in tree.values())
    return isinstance(tree, list) and any(refers(each, names) for each in tree)


def _change(stack: str, name: str, before: Any, after: Any) -> Change | None:
    if before == after:
        return None
    if after is None:
        kept = before.get("DeletionPolicy") in ("Retain", "RetainExceptOnCreate")
        return Change(stack=stack, resource=name, type=before["Type"], action=REMOVE, kept=kept)
    if before is None:
        return Change(stack=stack, resource=name, type=after["Type"], action=ADD)
    paths = tuple(sorted(_differing(before.get("Properties", {}), after.get("Properties", {}))))
    other = before["Type"] != after["Type"]
    action = REPLACE if other or any(is_replacing(after["Type"], each) for each in paths) else MODIFY
    return Change(stack=stack, resource=name, type=after["Type"], action=action, properties=paths)


def _differing(before: Any, after: Any, path: str = "") -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {*before, *after}:
            yield from _differing(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    else:
        yield path


def is_replacing(kind: str, path: str) -> bool:
    """Whether the property, or one around it or inside it, is fixed when the resource is made."""
    return any(
        path == each or path.startswith(f"{each}.") or each.startswith(f"{path}.")
        for each in REPLACING.get(kind, ())
    )
