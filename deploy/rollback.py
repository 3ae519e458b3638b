"""rollback: run an earlier release again: the one before, or the one that is named; the database stays as it is.

It refuses a release whose program the schema does not suit, and one whose image is gone from the registry.
"""

import argparse
from collections.abc import Sequence

from deploy import errors
from deploy.errors import AwsRefused, Refused
from deploy.observe import observe
from deploy.plan import Plan, Wishes, wanted_count
from deploy.releases import DEPLOYED, FAILED, ROLLED_BACK, Release
from deploy.retreat import CAUSES, go_back
from deploy.site import Site
from deploy.work import Work, write_receipt


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", nargs="?", default="", help="its id, as `releases` shows it")
    parser.add_argument("--reason", default="", help="for the receipt")


def run(site: Site, args: argparse.Namespace) -> int:
    desired = site.read_templates()
    with site.locked("rollback"):
        observed = observe(site.cloud, desired)
        target = choose(observed.releases, observed.release, args.release)
        observed = observe(site.cloud, desired, wish=target.digest)
        if observed.image is None:
            raise Refused(detail=f"the registry no longer holds {target.digest} of release {target.id}.")
        work = Work(
            site=site,
            desired=desired,
            observed=observed,
            wishes=Wishes(image=target.digest),
            plan=Plan(counts={each.name: wanted_count(each, observed) for each in desired.desks}),
            started_at=site.clock.now(),
        )
        _refuse_unfit(work, target)
        reason = args.reason or f"asked for by {site.owner}"
        try:
            work.rolling = site.rolling = True
            go_back(work, target)
        except (*CAUSES, AwsRefused) as fault:
            write_receipt(work, FAILED, digest=target.digest, wanted=target.digest, reason=str(fault))
            raise errors.RollbackFailed(cause=reason, digest=target.digest, detail=str(fault)) from fault
        finally:
            site.rolling = False
        write_receipt(
            work,
            ROLLED_BACK,
            digest=target.digest,
            wanted=target.digest,
            reason=reason,
            program=target.program,
        )
    return errors.DONE


def choose(known: Sequence[Release], running: Release | None, wanted: str) -> Release:
    """`known` has the newest first. Without a wish it is the newest deploy that was another image."""
    if running is None:
        raise Refused(detail="nothing runs that could be taken back.")
    deployed = [each for each in known if each.outcome == DEPLOYED]
    if wanted:
        found = next((each for each in deployed if each.id == wanted), None)
        if found is None:
            raise Refused(detail=f"no release {wanted!r:.40} was deployed; `releases` lists them.")
    else:
        found = next(
            (each for each in deployed if each.at < running.at and each.digest != running.digest), None
        )
        if found is None:
            raise Refused(detail=f"there is no release before {running.id} with another image.")
    if found.digest == running.digest:
        raise Refused(detail=f"release {found.id} is what runs already.")
    return found


def _refuse_unfit(work: Work, target: Release) -> None:
    oldest = work.schema_oldest_program
    if target.program and target.program < oldest:
        detail = (
            f"the program of release {target.id} knows schema {target.program}, and the database needs at "
        )
        detail += f"least {oldest}. Take the schema back first (`exec --kind migrate -- rollback {target.program}`, "
        raise Refused(detail=f"{detail}which refuses to lose anything), or go forward.")
