"""What a plan is made of: one frozen value for each thing that is done, with everything that doing it needs. Pure.

A step says itself in a line. It may be done again: a deploy that was killed is run again, observes again, and plans
what is left.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.bundle import called
from stacks.settings import API


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeBucket:
    bucket: str

    def __str__(self) -> str:
        return f"make the bucket {self.bucket}, where the deployer remembers"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitStack:
    """Something else moves it, or we did before we were killed."""

    stack: str
    name: str
    status: str

    def __str__(self) -> str:
        return f"wait for stack {self.stack}, which is {self.status}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearStack:
    """A stack that was never whole and holds nothing: it is deleted, so that it can be made."""

    stack: str
    name: str
    status: str

    def __str__(self) -> str:
        return f"delete what is left of stack {self.stack}, which is {self.status} and was never whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinueRollback:
    stack: str
    name: str

    def __str__(self) -> str:
        return f"let stack {self.stack} finish its rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropStack:
    """No longer in the stage, and nothing of it remembers: the alarms of a desk that was taken out."""

    stack: str
    name: str

    def __str__(self) -> str:
        return f"delete stack {self.stack}, which is not in the stage any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeStack:
    """By a change set. What `parameters` does not name keeps its value, or takes the template's."""

    stack: str
    name: str
    create: bool
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{'make' if self.create else 'change'} stack {self.stack}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """Everything that can be looked at before something trades: secrets, roles, addresses, quotas."""

    def __str__(self) -> str:
        return "verify image, roles, secrets, subnets, quotas and certificates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    head: str

    def __str__(self) -> str:
        return f"take a snapshot of the database before its schema goes to {self.head}, and wait until it is available"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrate:
    head: str
    digest: str

    def __str__(self) -> str:
        return f"migrate the database to {self.head} by a task of its own, whose exit code decides"


@dataclass(frozen=True, slots=True, kw_only=True)
class RollDesk:
    """Change the Bot stack for one desk, pin its deployment, and believe only the new task's heartbeat and lease.

    The API is rolled like a desk; it takes no lease, and its heartbeat says that the database answered it.
    """

    desk: str
    count: int
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        who = called(self.desk)
        if self.count == 0:
            return f"roll {who}, which stays stopped"
        signs = "SUCCESSFUL and a heartbeat" if self.desk == API else "SUCCESSFUL, a heartbeat and the lease"
        return f"roll {who}, and wait for {signs} of the new task"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bake:
    seconds: int
    alarms: tuple[str, ...]

    def __str__(self) -> str:
        return f"watch {len(self.alarms)} alarm(s) for {self.seconds} seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteReceipt:
    digest: str
    desks: Mapping[str, int]

    def __str__(self) -> str:
        return "append the receipt to the releases"


Step = (
    MakeBucket
    | AwaitStack
    | ClearStack
    | ContinueRollback
    | DropStack
    | ChangeStack
    | Verify
    | Snapshot
    | Migrate
    | RollDesk
    | Bake
    | WriteReceipt
)
