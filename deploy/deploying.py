"""deploy: bring a stage to what its templates and an image say, or back to where it was.

Observe, plan, execute, under the stage's lock; again until a plan is whole. A release that does not live is taken back.
"""

import argparse
from dataclasses import replace

from deploy import buckets, cost, errors, lock, planning
from deploy.execute import execute
from deploy.observe import observe
from deploy.plan import Plan, Wishes, plan
from deploy.releases import FAILED
from deploy.retreat import CAUSES, retreat
from deploy.review import review
from deploy.site import Site
from deploy.work import Work, write_receipt

ROUNDS_MAX = 10

add_arguments = planning.add_arguments


def run(site: Site, args: argparse.Namespace) -> int:
    return deploy(site, planning.wishes_of(args))


def deploy(site: Site, wishes: Wishes) -> int:
    desired, prices = site.read_templates(), cost.read_prices()
    # A bucket without a lock in it was never finished: the lock is what is written first, after all of it.
    if not buckets.exists(site.cloud, site.bucket) or lock.fetch(site.cloud, site.bucket) is None:
        site.timeline.tell("deploy", f"make the bucket {site.bucket}, where the deployer remembers")
        buckets.make(site.cloud, site.bucket)
    with site.locked("deploy"):
        for _ in range(ROUNDS_MAX):
            observed = observe(site.cloud, desired, wish=wishes.image)
            found = plan(desired, observed, wishes)
            # What is refused is said once, by what is raised.
            planning.tell(site, replace(review(desired, observed, found, prices), refusals=()))
            if found.refusals:
                raise _one_of(found)
            work = Work(
                site=site,
                desired=desired,
                observed=observed,
                wishes=wishes,
                plan=found,
                started_at=site.clock.now(),
            )
            _carry_out(work)
            if not found.again:
                site.timeline.tell("deploy", "done" if found.steps else "nothing to change")
                return errors.DONE
    raise errors.DeployError(detail=f"the stage did not come to rest in {ROUNDS_MAX} rounds")


def _carry_out(work: Work) -> None:
    try:
        execute(work)
    except (errors.TaskFailed, errors.TaskNotStarted) as fault:
        # The receipt ends this attempt: the next deploy starts a task of its own.
        running = work.observed.release
        write_receipt(
            work,
            FAILED,
            digest=running.digest if running else "",
            wanted=work.digest,
            reason=str(fault),
            program=running.program if running else "",
        )
        raise
    except CAUSES as fault:
        if not work.rolling:
            raise
        raise retreat(work, fault) from fault
    finally:
        work.site.rolling = False


def _one_of(found: Plan) -> errors.DeployError:
    """The one refusal as it is; several are said together."""
    if len(found.refusals) == 1:
        return found.refusals[0]
    return errors.NotReady(count=len(found.refusals), faults=" ".join(map(str, found.refusals)))
