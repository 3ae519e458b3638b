"""destroy: take a stage down; first its plan, then its last backup, then everything but what remembers.

Observe, plan, execute, like a deploy, under the same lock; run again after a failure or a kill it goes on. What is
left is listed with what it costs, and stands in a receipt in the stage's bucket.
"""

import argparse
import secrets

from deploy import buckets, demolish, dismantle, errors, inventory, leftovers, releases, standing
from deploy.cost import Prices, read_prices
from deploy.dismantle import Plan, Wishes
from deploy.releases import DESTROYED, Release
from deploy.site import Site
from deploy.standing import Standing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plan", action="store_true", help="only say what would be done; exit code 2 if anything"
    )
    parser.add_argument("--confirm", default="", help="what a protected stage, or a purge, asks you to type")
    parser.add_argument("--without-backup", action="store_true", help="the ledger may be lost")
    parser.add_argument(
        "--leave", default="", metavar="LOGICALID,..", help="leave these standing, if they do not go"
    )
    parser.add_argument(
        "--purge", action="store_true", help="delete what a destroy leaves too, backups and all"
    )


def run(site: Site, args: argparse.Namespace) -> int:
    prices = read_prices()
    wishes = Wishes(
        confirm=args.confirm,
        without_backup=args.without_backup,
        purge=args.purge,
        leave=frozenset(each for each in args.leave.split(",") if each),
    )
    found = standing.observe(site.cloud, site.stage, prices)
    planned = dismantle.plan(found, wishes)
    tell(site, planned)
    if args.plan:
        return errors.CHANGES if planned.steps else errors.DONE
    if planned.refusals:
        raise planned.refusals[0]
    if not planned.steps and not args.purge and _is_closed(found):
        return errors.DONE
    if not buckets.exists(site.cloud, site.bucket):
        buckets.make(site.cloud, site.bucket)
    with site.locked("destroy"):
        _take_down(site, wishes, prices)
        if args.purge:
            leftovers.purge(site, inventory.fetch(site.cloud, site.stage, prices), prices)
        _close(site, prices)
    return errors.DONE


def tell(site: Site, planned: Plan) -> None:
    for each in planned.dies:
        site.timeline.tell("dies", each)
    leftovers.tell(site, planned.stays)
    if any(isinstance(each, dismantle.Stop) and any(each.services.values()) for each in planned.steps):
        site.timeline.tell("stays", "orders that rest at the venues: a desk leaves its protection there")
    for step in planned.steps:
        site.timeline.tell("plan", str(step))
    for refusal in planned.refusals:
        site.timeline.tell("blocks", str(refusal))


def _is_closed(found: Standing) -> bool:
    """There is nothing, or an earlier destroy came to its end and wrote its receipts."""
    return not found.things or (found.last_release is not None and found.last_release.outcome == DESTROYED)


def _take_down(site: Site, wishes: Wishes, prices: Prices) -> None:
    while True:
        found = standing.observe(site.cloud, site.stage, prices)
        planned = dismantle.plan(found, wishes)
        if planned.refusals:
            raise planned.refusals[0]
        demolish.execute(
            planned.steps, demolish.Work(site=site, found=found, wishes=wishes, note=found.valid_note)
        )
        if not planned.again:
            return


def _close(site: Site, prices: Prices) -> None:
    """The receipt among the releases says to the next deploy that nothing of before counts any more."""
    left = inventory.fetch(site.cloud, site.stage, prices)
    leftovers.tell(site, left)
    key = leftovers.record(site, left)
    site.timeline.tell("destroy", f"what is left stands in s3://{site.bucket}/{key}")
    receipt = Release(
        id=secrets.token_hex(4),
        at=site.clock.now(),
        outcome=DESTROYED,
        digest="",
        wanted="",
        schema="",
        who=site.owner,
        evidence={"leftovers": key},
    )
    releases.record(site.cloud, site.bucket, receipt)
