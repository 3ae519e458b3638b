"""plan: say what a deploy would do, and change nothing; exit code 2 if there is something to do.

It makes describe, list, get and head calls alone.
"""

import argparse

from deploy import cost, errors, preflight
from deploy.observe import observe
from deploy.plan import BAKE_SECONDS, Wishes, plan
from deploy.review import Review, as_json, render, review
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
    return look(site, wishes_of(args))


def look(site: Site, wishes: Wishes) -> int:
    desired = site.read_templates()
    observed = observe(site.cloud, desired, wish=wishes.image)
    found = plan(desired, observed, wishes)
    tell(site, review(desired, observed, found, cost.read_prices()))
    faults = preflight.look(site, desired, observed) if found.steps else ()
    if found.refusals or faults:
        return errors.REFUSED
    return errors.CHANGES if found.steps else errors.DONE


def tell(site: Site, found: Review) -> None:
    """As one object of JSON, or as lines that are no part of the timeline."""
    if site.timeline.as_json:
        site.timeline.tell("review", "what would be done", **as_json(found))
    else:
        print("\n".join(render(found)), file=site.timeline.out)
