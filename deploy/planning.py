"""plan: say what a deploy would do, and change nothing; exit code 2 if there is something to do.

It makes describe, list, get and head calls alone.
"""

import argparse

from deploy import errors
from deploy.observe import observe
from deploy.plan import BAKE_SECONDS, Plan, Wishes, plan
from deploy.site import Site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", default="", help="digest or tag; without it the newest in the registry")
    parser.add_argument(
        "--allow-replace", action="append", default=[], metavar="LOGICALID", help="this may be lost"
    )
    parser.add_argument("--bake-seconds", type=int, default=BAKE_SECONDS, help="how long alarms are watched")
    parser.add_argument("--express", action="store_true", help=argparse.SUPPRESS)


def wishes_of(args: argparse.Namespace) -> Wishes:
    if args.express:
        detail = "express mode ends before the resources are ready, and the migration must not."
        raise errors.Refused(detail=detail)
    return Wishes(
        image=args.image, allow_replace=frozenset(args.allow_replace), bake_seconds=args.bake_seconds
    )


def run(site: Site, args: argparse.Namespace) -> int:
    wishes = wishes_of(args)
    desired = site.read_templates()
    found = plan(desired, observe(site.cloud, desired, wish=wishes.image), wishes)
    tell(site, found)
    if found.refusals:
        return errors.REFUSED
    return errors.CHANGES if found.steps else errors.DONE


def tell(site: Site, found: Plan) -> None:
    for step in found.steps:
        site.timeline.tell("plan", str(step))
    for refusal in found.refusals:
        site.timeline.tell("refused", str(refusal))
