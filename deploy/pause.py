"""pause: stop one desk, or all, until `resume`; no deploy starts them again.

It takes no lock: whoever must stop a desk must be able to while a deploy runs.
"""

import argparse

from deploy import counts
from deploy.site import Site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--desk", default="", help="this one alone")
    parser.add_argument("--reason", default="", help="for whoever finds it stopped")


def run(site: Site, args: argparse.Namespace) -> int:
    desired = site.read_templates()
    chosen = counts.choose(desired, args.desk)
    floor = counts.look(site, desired)
    for desk in chosen:
        counts.stop(site, desk, floor, reason=args.reason)
    return 0
