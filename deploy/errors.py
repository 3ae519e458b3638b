"""Every error of the deployer, and the exit code that the command leaves with.

    DeployError                     1   failed: where, what AWS said, what to do
    ├── AwsRefused                  AWS answered with an error that nothing below names
    │   ├── NotPermitted            ... the credentials lack one action, which is named
    │   ├── CredentialsEnded        ... they expired, or are of nobody
    │   └── Throttled               ... it went on asking for patience
    ├── AwsUnreachable
    ├── StackFailed, StackStuck, ChangeSetFailed
    ├── TaskNotStarted, TaskFailed, TaskOverrun, SnapshotFailed
    ├── DeskFailed, DeploymentUnseen, HeartbeatMissing, AlarmRang
    │                               what follows the roll of a desk; a deploy answers it with a rollback
    ├── RollbackFailed, FirstReleaseFailed
    ├── RolledBack                  3   the release before it runs again
    ├── Refused                     4   nothing was changed: what to put right first
    │   ├── WrongAccount, WrongRegion, NoTemplates, ImageMissing, Destructive, NotReady
    ├── Locked, LockLost            5   somebody else deploys
    ├── Unhealthy                   6   of `status`
    └── BadUsage                    64

2 is no error: a plan that has changes. A class's docstring is the sentence that a person reads, with its facts in
braces. Facts stay attributes, so that nobody ever parses a message. docs/deploy.md lists the codes.
"""

import inspect
from typing import Any, ClassVar

DONE, FAILED, CHANGES, ROLLED_BACK, REFUSED, LOCKED, UNHEALTHY, BAD_USAGE = 0, 1, 2, 3, 4, 5, 6, 64


class DeployError(Exception):
    """It failed: {detail}."""

    exit_code: ClassVar[int] = FAILED

    def __init__(self, **facts: Any) -> None:
        super().__init__(facts)
        self.facts = facts

    def __str__(self) -> str:
        return " ".join(inspect.cleandoc(type(self).__doc__ or "").split()).format_map(self.facts)


# --- what AWS answers -----------------------------------------------------------------------------------------------


class AwsRefused(DeployError):
    """AWS refused {service}:{operation} with {code}: {said}"""

    @property
    def code(self) -> str:
        return str(self.facts["code"])

    @property
    def said(self) -> str:
        return str(self.facts["said"])


class NotPermitted(AwsRefused):
    """These credentials may not do {action} ({code} from {service}:{operation}): {said} Allow that action, and run the
    same command again; it goes on where it stopped."""


class CredentialsEnded(AwsRefused):
    """AWS does not accept these credentials any more ({code} from {service}:{operation}): {said} Sign in again and run
    the same command; it goes on where it stopped."""


class Throttled(AwsRefused):
    """AWS still asks for patience after {attempts} attempts at {service}:{operation} ({code}): {said} Run the same
    command again in some minutes; it goes on where it stopped."""


class AwsUnreachable(DeployError):
    """AWS could not be reached for {service}:{operation} in {attempts} attempts: {detail}. Look at the network, and run
    the same command again; it goes on where it stopped."""


# --- what fails on the way ------------------------------------------------------------------------------------------


class ChangeSetFailed(DeployError):
    """The change set of stack {stack} could not be made: {reasons} Nothing of this stack was changed."""


class StackFailed(DeployError):
    """Stack {stack} ended as {status}: {reasons} Put that right, and run the same command again."""


class StackStuck(DeployError):
    """Stack {stack} stands at {status} and nothing that a deploy may do leads on: {remedy}"""


class TaskNotStarted(DeployError):
    """The {kind} task did not start: {reason} No service was touched."""


class TaskFailed(DeployError):
    """The {kind} task failed with exit code {code}: {reason} No service was touched. Its last lines: {tail}"""


class TaskOverrun(DeployError):
    """The {kind} task still ran after {seconds} seconds. It was left running: {task}. No service was touched; look at
    its log, and run the same command again, which waits for this very task."""


class SnapshotFailed(DeployError):
    """The snapshot {snapshot} of the database did not become available: it is {status}. Nothing was migrated."""


class DeskFailed(DeployError):
    """Desk {desk} does not run the new release, its deployment ended as {status}: {reason}"""


class DeploymentUnseen(DeployError):
    """ECS shows no deployment of desk {desk} for task definition {task_definition} after {seconds} seconds: whether it
    runs cannot be proved."""


class HeartbeatMissing(DeployError):
    """The new task of desk {desk} gave no {missing} within {seconds} seconds; its last lines: {tail}"""


class AlarmRang(DeployError):
    """{alarms} rang within the bake time of {seconds} seconds: {reason}"""


class RollbackFailed(DeployError):
    """The deploy failed ({cause}), and the rollback to {digest} failed too: {detail} The desks need a person now: run
    `python -m deploy status` for this stage, then `python -m deploy rollback`."""


class FirstReleaseFailed(DeployError):
    """The first release failed ({cause}), and there is none to go back to: the desks were stopped. Put that right, and
    run the same command again."""


class RolledBack(DeployError):
    """The deploy failed and was rolled back to {digest}, which runs again: {cause}"""

    exit_code = ROLLED_BACK


# --- what is not even begun -----------------------------------------------------------------------------------------


class Refused(DeployError):
    """It is refused: {detail}"""

    exit_code = REFUSED


class WrongAccount(Refused):
    """Stage {stage} belongs to account {wanted}, and these credentials are of account {found}. Nothing was looked at or
    changed there; use the other credentials."""


class WrongRegion(Refused):
    """Stage {stage} belongs to region {wanted}, and the client is set to {found}. Nothing was looked at or changed
    there; set AWS_REGION, or the stage's region."""


class NoTemplates(Refused):
    """There are no templates in {folder}, or not all of them: {detail} Run `make synth STAGE={stage}`."""


class ImageMissing(Refused):
    """The registry holds no image {image}. Everything up to the registry stands. Push one, and run the same command
    again:
    {commands}"""

    def __str__(self) -> str:
        """The commands keep their lines, so that they can be copied."""
        return super().__str__().replace(" && ", "\n    ").replace("again: ", "again:\n    ")


class Destructive(Refused):
    """Stack {stack} would lose what remembers: {resources} Nothing of it was changed. If that is meant, take a backup
    first and name each with --allow-replace."""


class NotReady(Refused):
    """{count} thing(s) must be put right first: {faults}"""


# --- who may ---------------------------------------------------------------------------------------------------------


class Locked(DeployError):
    """Stage {stage} is locked by {owner} for {purpose} until {until}. Wait, or break it with `python -m deploy unlock`
    if you know that nothing runs."""

    exit_code = LOCKED


class LockLost(DeployError):
    """The lock on stage {stage} was taken from us by {owner}: we stopped at once. What was begun goes on in AWS; run
    the same command again when they are done."""

    exit_code = LOCKED


class Unhealthy(DeployError):
    """{count} thing(s) are not well: {faults}"""

    exit_code = UNHEALTHY


class BadUsage(DeployError):
    """{detail}"""

    exit_code = BAD_USAGE
