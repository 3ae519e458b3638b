"""The deployer's switchboard: `python -m deploy VERB --stage STAGE`. Every error leaves as one sentence and a code.

A verb is a module with `add_arguments(parser)` and `run(site, args) -> exit code`. This is the only place that names
the concrete account and clock, and that reads the environment.
"""

import argparse
import getpass
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from deploy import (
    aws,
    cost,
    deploying,
    destroy,
    doctor,
    drift,
    history,
    inside,
    logs,
    pause,
    planning,
    policy,
    resume,
    rollback,
    scale,
    status,
    tunnel,
    unlock,
)
from deploy.clock import WallClock
from deploy.errors import BAD_USAGE, DeployError
from deploy.site import ROOT, Site
from deploy.timeline import Timeline
from stacks.settings import STAGES, BadStage, Stage, read_stage


class Verb(Protocol):
    """Its docstring's first line is what `--help` says."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, site: Site, args: argparse.Namespace) -> int: ...


VERBS: Mapping[str, Verb] = {
    "plan": planning,
    "deploy": deploying,
    "destroy": destroy,
    "rollback": rollback,
    "status": status,
    "doctor": doctor,
    "logs": logs,
    "pause": pause,
    "resume": resume,
    "scale": scale,
    "exec": inside,
    "tunnel": tunnel,
    "drift": drift,
    "releases": history,
    "unlock": unlock,
}


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    # These two ask no account.
    if argv[:1] == ["cost"]:
        return cost.main(argv[1:])
    if argv[:1] == ["policy"]:
        return policy.main(argv[1:])
    args = _parser().parse_args(argv)
    try:
        stage = _stage(args.stage, environ)
        site = _open_site(stage, args, environ)
        site.guard()
        return VERBS[args.verb].run(site, args)
    except BadStage as fault:
        return _say(str(fault), BAD_USAGE, args)
    except DeployError as fault:
        return _say(str(fault), fault.exit_code, args, error=type(fault).__name__)


def _say(sentence: str, code: int, args: argparse.Namespace, **facts: str) -> int:
    told = json.dumps({"exit_code": code, "says": sentence, **facts}) if args.json else sentence
    print(told, file=sys.stderr)
    return code


def _stage(name: str, environ: Mapping[str, str]) -> Stage:
    """The same settings as at synthesis: cdk.json, and over it what CDK_CONTEXT_JSON says."""
    context = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
    return read_stage(name, {**context, **json.loads(environ.get("CDK_CONTEXT_JSON", "{}")), "stage": name})


def _open_site(stage: Stage, args: argparse.Namespace, environ: Mapping[str, str]) -> Site:
    clock = WallClock()
    return Site(
        stage=stage,
        cloud=aws.open_account(stage.region or environ.get("AWS_REGION", ""), clock),
        clock=clock,
        timeline=Timeline(clock, as_json=args.json),
        templates=args.templates or Path("cdk.out", stage.name),
        owner=f"{getpass.getuser()}@{platform.node()}",
        poll_seconds=args.poll_seconds,
        log_grace_seconds=args.log_grace_seconds,
    )


class _Parser(argparse.ArgumentParser):
    """2 means that a plan has changes, so wrong usage must be another code."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(BAD_USAGE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    top = _Parser(prog="python -m deploy", description="Brings a stage of Holdfast up on AWS, and down.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=_Parser)
    verbs.add_parser("cost", help="what a stage costs in a month", add_help=False)
    verbs.add_parser("policy", help="what a deployer needs to be allowed", add_help=False)
    for name, verb in VERBS.items():
        text = (verb.__doc__ or "").splitlines()[0].partition(": ")[2]
        parser = verbs.add_parser(name, help=text, description=text)
        parser.add_argument("--stage", choices=sorted(STAGES), default="dev")
        parser.add_argument("--templates", type=Path, help="folder of the templates (default: cdk.out/STAGE)")
        parser.add_argument("--json", action="store_true", help="tell everything as JSON, an object a line")
        parser.add_argument("--poll-seconds", type=float, default=5.0, help="how often a wait looks")
        parser.add_argument(
            "--log-grace-seconds",
            type=float,
            default=15.0,
            help="how long a task's last lines may take to come",
        )
        verb.add_arguments(parser)
    return top


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
