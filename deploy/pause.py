"""pause: stop one desk, or all, until `resume`; no deploy starts them again.

It takes no lock: whoever must stop a desk must be able to while a deploy runs. A desk that is not on AWS yet may be
paused too: then its first deploy makes it and leaves it stopped, until its account is enrolled.
"""

import argparse

from deploy import buckets, counts, pauses
from deploy.bundle import called
from deploy.errors import Refused
from deploy.site import Site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--desk", default="", help="this one alone")
    parser.add_argument("--reason", default="", help="for whoever finds it stopped")


def run(site: Site, args: argparse.Namespace) -> int:
    desired = site.read_templates()
    chosen = counts.choose(desired, args.desk)
    if not buckets.exists(site.cloud, site.bucket):
        raise Refused(
            detail=f"stage {site.stage.name} was never deployed; a deploy that ends at the registry is enough."
        )
    floor = counts.find(site, desired)
    for desk in chosen:
        if floor and desk.name in floor.desks:
            counts.stop(site, desk, floor, reason=args.reason)
        else:
            pauses.record(
                site.cloud, site.bucket, desk.name, who=site.owner, reason=args.reason, at=site.clock.now()
            )
            site.timeline.tell("pause", f"{called(desk.name)} is not there yet; no deploy will start it")
    return 0
