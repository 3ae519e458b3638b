"""What a person reads before a deploy, in one report: resources, task definitions, SQL, permissions, cost. Pure.

The same report is told as text and as JSON, and both say all of it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from deploy import cost
from deploy.bundle import Desired
from deploy.compare import REMOVE, REPLACE, Change, fill
from deploy.observe import Observed
from deploy.permissions import broadened
from deploy.plan import Plan

MARKS = {"add": "+", "modify": "~", "replace": "!", "remove": "-"}
# A task definition has no identity: each change is a new one, and what it was replaced by is told setting by setting.
TASK = "AWS::ECS::TaskDefinition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """`sql` is (revision, script) for each that is not in the database yet; money is USD a month."""

    steps: tuple[str, ...]
    refusals: tuple[str, ...]
    changes: tuple[Change, ...]
    tasks: tuple[str, ...]
    schema: str
    sql: tuple[tuple[str, str], ...]
    permissions: tuple[str, ...]
    cost_before: Decimal
    cost_after: Decimal
    cost_changes: tuple[str, ...]
    cost_unknown: tuple[str, ...]
    later: str

    @property
    def losses(self) -> tuple[Change, ...]:
        return tuple(each for each in self.changes if each.loses)


def review(desired: Desired, observed: Observed, plan: Plan, prices: cost.Prices) -> Review:
    old = {each.id: _live_template(observed, each.name) for each in desired.stacks}
    new = {each.id: each.template for each in desired.stacks}
    # Before the foundations stand only they are planned, and only they are told.
    told = {each.stack for each in plan.changes}
    before, after = cost.estimate(old, prices), cost.estimate(new, prices)
    return Review(
        steps=tuple(map(str, plan.steps)),
        refusals=tuple(map(str, plan.refusals)),
        changes=plan.changes,
        tasks=tuple(_task_lines(desired, observed, plan)),
        schema=observed.schema,
        sql=tuple(_pending(desired, observed)) if plan.steps else (),
        permissions=broadened(
            {name: each for name, each in old.items() if name in told},
            {name: each for name, each in new.items() if name in told},
        ),
        cost_before=before.total,
        cost_after=after.total,
        cost_changes=tuple(f"{each.usd:+} {each.what}" for each in cost.delta(before, after))
        if plan.changes
        else (),
        cost_unknown=after.unknown,
        later=plan.later if plan.again else "",
    )


def _live_template(observed: Observed, name: str) -> Mapping[str, Any]:
    live = observed.stacks.get(name)
    return live.template if live else {}


def _pending(desired: Desired, observed: Observed) -> Iterator[tuple[str, str]]:
    known = [each.name for each in desired.revisions]
    begin = known.index(observed.schema) + 1 if observed.schema in known else 0
    for each in desired.revisions[begin:]:
        yield each.name, each.sql


# --- task definitions -----------------------------------------------------------------------------------------------


def _task_lines(desired: Desired, observed: Observed, plan: Plan) -> Iterator[str]:
    for change in plan.changes:
        if change.type != TASK or change.action not in (REPLACE, "modify"):
            continue
        stack = desired.stack(change.stack)
        live = observed.stacks[stack.name]
        given = _given(plan, change.stack)
        before = fill(live.template["Resources"][change.resource]["Properties"], live.parameters)
        after = fill(stack.template["Resources"][change.resource]["Properties"], {**live.parameters, **given})
        for line in _settings(before, after):
            yield f"{after.get('Family', change.resource)}: {line}"


def _given(plan: Plan, stack: str) -> Mapping[str, str]:
    """The parameters with which the plan changes the stack."""
    found: dict[str, str] = {}
    for each in plan.steps:
        if getattr(each, "stack", "Bot" if hasattr(each, "desk") else "") == stack:
            found |= getattr(each, "parameters", {})
    return found


def _settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    old, new = _flat(before), _flat(after)
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield f"{name}: {_shown(old.get(name))} -> {_shown(new.get(name))}"


def _flat(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A container by its name, a variable by its name: what stands where in a list is no difference."""
    flat = {name: each for name, each in properties.items() if name != "ContainerDefinitions"}
    for container in properties.get("ContainerDefinitions", ()):
        for name, each in container.items():
            if name in ("Environment", "Secrets"):
                value = "Value" if name == "Environment" else "ValueFrom"
                flat |= {f"{container['Name']}.{one['Name']}": one[value] for one in each}
            else:
                flat[f"{container['Name']}.{name}"] = each
    return flat


def _shown(value: Any) -> str:
    """The end of an image's name is its digest, which is what differs."""
    if isinstance(value, dict) and "Fn::Join" in value and isinstance(value["Fn::Join"][1][-1], str):
        return value["Fn::Join"][1][-1]
    return (
        "nothing" if value is None else value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    )


# --- told ------------------------------------------------------------------------------------------------------------


def render(found: Review) -> Iterator[str]:
    yield from _section("Refused", found.refusals)
    yield from _section("Resources", [_change_line(each) for each in found.changes])
    yield from _section("Task definitions", found.tasks)
    yield from _sql(found)
    yield from _section("Permissions that are new", found.permissions)
    difference = found.cost_after - found.cost_before
    yield f"Cost: {found.cost_after} USD a month, {difference:+} against what stands."
    yield from _section("Cost that changes, in USD a month", found.cost_changes)
    yield from _section("Not priced", found.cost_unknown)
    yield from _section("Steps", [f"{number}. {each}" for number, each in enumerate(found.steps, start=1)])
    if found.later:
        yield f"Then: {found.later}."
    if not found.steps and not found.refusals and not found.later:
        yield "Nothing to change."


def _sql(found: Review) -> Iterator[str]:
    """Into an empty database goes everything there is, which nobody reads here."""
    if found.sql and not found.schema:
        yield f"SQL: revisions {found.sql[0][0]} to {found.sql[-1][0]}; `python -m runtime migrate --sql` prints them."
        return
    for revision, script in found.sql:
        yield from _section(f"SQL of revision {revision}", script.rstrip().splitlines())


def _section(title: str, lines: Any) -> Iterator[str]:
    if lines:
        yield f"{title}:"
        yield from (f"  {each}" for each in lines)


def _change_line(change: Change) -> str:
    where = f" ({', '.join(change.properties)})" if change.properties else ""
    lost = "  LOSES WHAT IT REMEMBERS" if change.loses and not change.kept else ""
    lost = (
        "  LEFT BEHIND, NO LONGER OURS" if change.loses and change.kept and change.action == REMOVE else lost
    )
    return f"{MARKS[change.action]} {change.stack}/{change.resource} {change.type}{where}{lost}"


def as_json(found: Review) -> dict[str, Any]:
    told: dict[str, Any] = asdict(found)
    told["changes"] = [{**asdict(each), "loses": each.loses} for each in found.changes]
    return {name: str(each) if isinstance(each, Decimal) else each for name, each in told.items()}
