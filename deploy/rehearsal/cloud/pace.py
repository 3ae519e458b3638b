"""What takes minutes on AWS and moments here: each of these is said at the end of a rehearsal.

Nothing else is shortened: a task is told to stop and killed after exactly the time that its definition names.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """ECS checks the health of a task at the interval of its definition, 30 s at least there; here more often."""

    health_interval_seconds: float = 1.0
    healthy_interval_seconds: float = 5.0
    # A task that cannot say how it is counts as well once it has run so long; ECS looks for minutes.
    settle_seconds: float = 1.0
    # Between the starts of tasks that fail; ECS waits longer with each.
    restart_seconds: float = 0.3
    # How long a snapshot stays `creating`, so that whoever does not wait is found out.
    snapshot_seconds: float = 0.5
    # CloudFormation asks whether a service is steady.
    steady_check_seconds: float = 0.1
