"""unlock: break the deploy lock of somebody who will not come back.

Who held it stops at its next renewal. It is said who held it, and one must name that owner to break it.
"""

import argparse

from deploy import buckets, lock
from deploy.errors import Refused
from deploy.site import Site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--owner", default="", help="who holds it now, as `unlock` without it says")


def run(site: Site, args: argparse.Namespace) -> int:
    held = lock.fetch(site.cloud, site.bucket) if buckets.exists(site.cloud, site.bucket) else None
    if held is None or held.is_free(site.clock.now()):
        site.timeline.tell("lock", f"stage {site.stage.name} is not locked")
        return 0
    if held.owner != args.owner:
        detail = f"{held.owner} holds the lock for {held.purpose} since {held.since:%H:%M:%S} UTC, until "
        detail += (
            f"{held.until:%H:%M:%S} if nobody renews it. To break it, name the owner: --owner {held.owner}"
        )
        raise Refused(detail=detail)
    lock.break_glass(site.cloud, site.clock, bucket=site.bucket, owner=site.owner, purpose="unlock")
    site.timeline.tell("lock", f"the lock of {held.owner} for {held.purpose} is broken")
    return 0
