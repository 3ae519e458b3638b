"""The only place where stages and stacks meet. It synthesises one stage and has no effect but the templates.

The stage and every setting come from the CDK context: cdk.json beside it, and `-c` or CDK_CONTEXT_JSON over that. No
account is asked, no variable of the environment is read, no program is called: the templates are the same for everyone.
"""

import json
from pathlib import Path

# It says which Node runs, and must have said so before aws_cdk starts one.
import stacks.node  # noqa: F401

# isort: split
from aws_cdk import App, BootstraplessSynthesizer, Stack, Tags

from stacks.access import AccessStack, bound
from stacks.bot import BotStack
from stacks.data import LedgerStack
from stacks.network import NetworkStack
from stacks.observability import DeskAlarmsStack, ObservabilityStack
from stacks.platform import PlatformStack
from stacks.settings import Stage, read_stage
from stacks.tasks import TasksStack

CONTEXT = json.loads(Path(__file__).with_name("cdk.json").read_text("utf-8"))["context"]


def open_app(*, outdir: str | None = None, context: dict[str, object] | None = None) -> App:
    """An app with the flags of cdk.json, which `python app.py` would otherwise not see."""
    return App(
        outdir=outdir, context={**CONTEXT, **(context or {})}, analytics_reporting=False, tree_metadata=False
    )


def build(app: App) -> dict[str, Stack]:
    """Every stack of the stage that the context names, in the order in which they depend on each other."""
    stage = _stage_of(app)
    if stage.deployer_trust:
        bound(app, stage)

    def options(name: str, what: str) -> dict[str, object]:
        return _options(stage, name, what)

    network = NetworkStack(app, "Network", stage=stage, **options("network", "where it stands"))
    data = LedgerStack(
        app,
        "Data",
        stage=stage,
        subnets=network.database_subnets,
        security_group=network.groups.database,
        **options("data", "what remembers"),
    )
    platform = PlatformStack(
        app,
        "Platform",
        stage=stage,
        network=network,
        key=data.key,
        database=data.database,
        dumpers=data.dumps.roles,
        access_log=data.dumps.access_log.bucket_name,
        **options("platform", "what tasks stand on"),
    )
    tasks = TasksStack(
        app,
        "Tasks",
        stage=stage,
        network=network,
        platform=platform,
        database=data.database,
        dump_bucket=data.dumps.bucket.bucket_name,
        **options("tasks", "migrate, backup, drill, retention"),
    )
    bot = BotStack(
        app,
        "Bot",
        stage=stage,
        network=network,
        platform=platform,
        database=data.database,
        dumps=data.dumps.bucket.bucket_name,
        **options("bot", "what trades"),
    )
    desks = [
        DeskAlarmsStack(
            app,
            f"Alarms-{name}",
            stage=stage,
            desk=name,
            platform=platform,
            bot=bot,
            **options(f"alarms-{name}", f"what {name} rings for"),
        )
        for name in bot.services
    ]
    observability = ObservabilityStack(
        app,
        "Observability",
        stage=stage,
        network=network,
        platform=platform,
        database=data.database,
        desks=desks,
        **options("observability", "what an operator sees"),
    )
    bot.add_stack_dependency(tasks, "the schema is migrated before anything trades")
    Tags.of(app).add("holdfast:stage", stage.name)
    return {each.node.id: each for each in (network, data, platform, tasks, bot, *desks, observability)}


def build_access(app: App) -> AccessStack:
    """The roles of who deploys and who looks on, apart from the stage: they must be there before it."""
    stage = _stage_of(app)
    return AccessStack(app, "Access", stage=stage, **_options(stage, "access", "who may deploy and look on"))


def _stage_of(app: App) -> Stage:
    context = {name: value for name, value in app.node.get_all_context().items() if name != "only"}
    return read_stage(str(context.get("stage", "dev")), context)


def _options(stage: Stage, name: str, what: str) -> dict[str, object]:
    return {
        "stack_name": f"{stage.prefix}-{name}",
        "description": f"Holdfast {stage.name}: {what}",
        "termination_protection": stage.protected,
        # CloudFormation takes 51,200 bytes in a call, and indentation was half of a template.
        "suppress_template_indentation": True,
        # Plain templates: nothing to upload, so nothing to bootstrap.
        "synthesizer": BootstraplessSynthesizer(),
    }


if __name__ == "__main__":
    app = open_app()
    if app.node.try_get_context("only") == "access":
        build_access(app)
    else:
        build(app)
    app.synth()
