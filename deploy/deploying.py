"""deploy: bring a stage to what its templates and an image say, or back to where it was.

Observe, plan, execute, under the stage's lock; again and again until a plan is whole.
"""

import argparse

from deploy import buckets, planning
from deploy.execute import Work, execute
from deploy.observe import observe
from deploy.plan import plan
from deploy.site import Site

add_arguments = planning.add_arguments


def run(site: Site, args: argparse.Namespace) -> int:
    wishes = planning.wishes_of(args)
    desired = site.read_templates()
    if not buckets.exists(site.cloud, site.bucket):
        site.timeline.tell("deploy", f"make the bucket {site.bucket}, where the deployer remembers")
        buckets.make(site.cloud, site.bucket)
    with site.locked("deploy"):
        while True:
            observed = observe(site.cloud, desired, wish=wishes.image)
            found = plan(desired, observed, wishes)
            if found.refusals:
                raise found.refusals[0]
            execute(found, Work(site=site, desired=desired, observed=observed, wishes=wishes))
            if not found.again:
                return 0
