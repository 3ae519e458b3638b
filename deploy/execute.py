"""Does what a plan says, step by step, and says so. No cleverness: what a step needs stands in it.

It may be killed between any two lines. Whoever runs the command again observes again, and the plan then holds only
what is left to do.
"""

from dataclasses import dataclass, field

from deploy import buckets, steps
from deploy.bundle import Desired
from deploy.observe import Observed
from deploy.plan import Plan, Wishes
from deploy.site import Site
from deploy.steps import Step


@dataclass(slots=True, kw_only=True)
class Work:
    """What the steps of one run learn from each other."""

    site: Site
    desired: Desired
    observed: Observed
    wishes: Wishes
    schema: str = ""
    evidence: dict[str, str] = field(default_factory=dict)


def execute(plan: Plan, work: Work) -> None:
    for number, step in enumerate(plan.steps, start=1):
        work.site.timeline.tell("deploy", f"{number}/{len(plan.steps)} {step}")
        _do(step, work)


def _do(step: Step, work: Work) -> None:
    match step:
        case steps.MakeBucket():
            buckets.make(work.site.cloud, step.bucket)
        case _:
            raise NotImplementedError(type(step).__name__)
