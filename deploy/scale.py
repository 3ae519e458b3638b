"""scale: set the count of a desk to 0 or 1. More than one would be two bots on one account.

More desks are more accounts: add one to the stage, and deploy.
"""

import argparse

from deploy import counts
from deploy.site import Site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--desk", required=True)
    parser.add_argument("count", type=int, choices=(0, 1))


def run(site: Site, args: argparse.Namespace) -> int:
    desired = site.read_templates()
    (desk,) = counts.choose(desired, args.desk)
    floor = counts.look(site, desired)
    if args.count:
        with site.locked("scale"):
            counts.start(site, desk, floor)
    else:
        counts.stop(site, desk, floor, reason="scaled to 0")
    return 0
