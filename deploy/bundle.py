"""What a stage should be: its synthesised templates, in the order in which they stand on each other, as `Desired`.

It reads files and nothing else. Templates are made by `make synth`, which needs Node once; a deploy does not.
"""

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from deploy.errors import NoTemplates
from stacks.settings import API, Stage

TEMPLATE_BYTES_MAX = 51_200
DESK_TAG = "holdfast:desk"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackTemplate:
    """`id` is its short name (Network, Alarms-first), `name` CloudFormation's, `needs` the ids that come before it."""

    id: str
    name: str
    body: str
    template: Mapping[str, Any]
    needs: tuple[str, ...]
    protected: bool

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(self.template.get("Parameters", ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A service of the Bot stack. `name` is without the `desk-` before it; the API is one too, which takes no lease."""

    name: str
    service: str
    task: str
    family: str
    count_parameter: str
    image_parameter: str
    service_output: str
    alarms: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    @property
    def trades(self) -> bool:
        return self.name != API


def called(name: str) -> str:
    """As people say it: the API is rolled, paused and judged like a desk, and is none."""
    return "the API" if name == API else f"desk {name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A migration as its file says it: its number, and the oldest program that runs on the schema it leaves."""

    name: str
    below: str
    oldest_program: str
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    stage: Stage
    stacks: tuple[StackTemplate, ...]
    desks: tuple[Desk, ...]
    revisions: tuple[Revision, ...]
    architecture: str

    @property
    def head(self) -> str:
        return self.revisions[-1].name

    def stack(self, stack_id: str) -> StackTemplate:
        return next(each for each in self.stacks if each.id == stack_id)


def read(folder: Path, stage: Stage, *, migrations: Path) -> Desired:
    stacks = tuple(read_stacks(folder, stage))
    by_id = {each.id: each for each in stacks}
    desks = tuple(_desks(by_id))
    return Desired(
        stage=stage,
        stacks=stacks,
        desks=desks,
        revisions=read_revisions(migrations),
        architecture=_architecture(by_id["Bot"].template, desks),
    )


def read_stacks(folder: Path, stage: Stage) -> Iterator[StackTemplate]:
    """In order: whatever one stands on comes before it."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise NoTemplates(folder=folder, stage=stage.name, detail="manifest.json is not there.")
    artifacts = {
        name: each
        for name, each in json.loads(manifest.read_text("utf-8"))["artifacts"].items()
        if each["type"] == "aws:cloudformation:stack"
    }
    order = TopologicalSorter(
        {
            name: [n for n in each.get("dependencies", ()) if n in artifacts]
            for name, each in artifacts.items()
        }
    )
    for name in order.static_order():
        properties = artifacts[name]["properties"]
        path = folder / properties["templateFile"]
        if not path.is_file():
            raise NoTemplates(folder=folder, stage=stage.name, detail=f"{path.name} is not there.")
        if not properties["stackName"].startswith(f"{stage.prefix}-"):
            raise NoTemplates(
                folder=folder, stage=stage.name, detail=f"{properties['stackName']} is of another stage."
            )
        body = path.read_text("utf-8")
        if len(body.encode()) > TEMPLATE_BYTES_MAX:
            raise NoTemplates(
                folder=folder, stage=stage.name, detail=f"{path.name} is over {TEMPLATE_BYTES_MAX} bytes."
            )
        yield StackTemplate(
            id=name,
            name=properties["stackName"],
            body=body,
            template=json.loads(body),
            needs=tuple(n for n in artifacts[name].get("dependencies", ()) if n in artifacts),
            protected=bool(properties.get("terminationProtection")),
        )


def read_revisions(migrations: Path) -> tuple[Revision, ...]:
    """From the first to the head, read and not run."""
    found = {each.name: each for each in map(_revision, sorted(migrations.glob("[0-9]*.py")))}
    heads = found.keys() - {each.below for each in found.values()}
    assert len(heads) == 1, sorted(heads)
    line = [found[heads.pop()]]
    while line[0].below:
        line.insert(0, found[line[0].below])
    return tuple(line)


def _revision(path: Path) -> Revision:
    says = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("revision", "down_revision", "oldest_program")
    }
    name = says["revision"]
    script = path.with_suffix(".up.sql")
    return Revision(
        name=name,
        below=says["down_revision"] or "",
        oldest_program=says.get("oldest_program", name),
        sql=script.read_text("utf-8") if script.is_file() else f"-- made by {path.name}",
    )


def _desks(stacks: Mapping[str, StackTemplate]) -> Iterator[Desk]:
    template = stacks["Bot"].template
    resources = template["Resources"]
    for logical, body in resources.items():
        if body["Type"] != "AWS::ECS::Service":
            continue
        properties = body["Properties"]
        tags = {each["Key"]: each["Value"] for each in properties.get("Tags", ())}
        name = tags.get(DESK_TAG, "").removeprefix("desk-")
        if not name:
            continue
        task = properties["TaskDefinition"]["Ref"]
        alarms = stacks.get(f"Alarms-{name}")
        yield Desk(
            name=name,
            service=logical,
            task=task,
            family=resources[task]["Properties"]["Family"],
            count_parameter=properties["DesiredCount"]["Ref"],
            image_parameter=_image_parameter(resources[task]["Properties"]),
            service_output=_output_of(template, logical),
            alarms=tuple(_alarm_names(alarms.template)) if alarms else (),
            secrets=tuple(sorted(_secrets(resources[task]["Properties"]))),
        )


def _image_parameter(task: Mapping[str, Any]) -> str:
    """The parameter that ends the image's name: the stage's only one, or the desk's own."""
    image = task["ContainerDefinitions"][0]["Image"]
    return str(image["Fn::Join"][1][-1]["Ref"])


def _output_of(template: Mapping[str, Any], service: str) -> str:
    wanted = {"Fn::GetAtt": [service, "Name"]}
    outputs: Mapping[str, Any] = template["Outputs"]
    return next(n for n, each in outputs.items() if each["Value"] == wanted and "Export" not in each)


def _alarm_names(template: Mapping[str, Any]) -> Iterator[str]:
    for body in template["Resources"].values():
        if body["Type"] == "AWS::CloudWatch::Alarm":
            yield body["Properties"]["AlarmName"]


def _secrets(task: Mapping[str, Any]) -> set[str]:
    """The ARNs that ECS reads for a task: what stands before the field's name in `arn:...:secret:name:field::`."""
    found = set()
    for container in task["ContainerDefinitions"]:
        for each in container.get("Secrets", ()):
            if isinstance(each["ValueFrom"], str):
                found.add(":".join(each["ValueFrom"].split(":")[:7]))
    return found


def _architecture(template: Mapping[str, Any], desks: tuple[Desk, ...]) -> str:
    kinds = {
        template["Resources"][each.task]["Properties"]
        .get("RuntimePlatform", {})
        .get("CpuArchitecture", "X86_64")
        for each in desks
    }
    assert len(kinds) == 1, kinds
    return "arm64" if kinds == {"ARM64"} else "amd64"
