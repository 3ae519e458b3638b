"""resume: start what `pause` stopped, one desk or all that were paused."""

import argparse

from deploy import counts, pauses
from deploy.site import Site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--desk", default="", help="this one alone")


def run(site: Site, args: argparse.Namespace) -> int:
    desired = site.read_templates()
    paused = pauses.fetch(site.cloud, site.bucket)
    chosen = [each for each in counts.choose(desired, args.desk) if each.name in paused]
    if not chosen:
        site.timeline.tell("resume", f"nothing is paused{f' as {args.desk}' if args.desk else ''}")
        return 0
    floor = counts.look(site, desired)
    with site.locked("resume"):
        for desk in chosen:
            counts.start(site, desk, floor)
    return 0
