"""A stack changes by a change set and by nothing else: made, read, and only then executed and waited for.

It refuses what would lose something that remembers, and says why something failed with the reason that CloudFormation
gives, wherever it gives it: for what is checked before a stack is touched that is DescribeEvents alone.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from deploy.bundle import StackTemplate
from deploy.compare import REMEMBERS
from deploy.errors import AwsRefused, ChangeSetFailed, Destructive, Refused, StackFailed, StackStuck
from deploy.feeds import StackEvents
from deploy.observe import LiveStack, fetch_stack
from deploy.site import Site

STACK_SECONDS_MAX = 3 * 3600
# For so long a stack may still be shown as it was before its change set was executed.
STALE_SECONDS_MAX = 30
GOOD = frozenset(("CREATE_COMPLETE", "UPDATE_COMPLETE"))
NO_CHANGE = ("didn't contain changes", "No updates are to be performed", "no changes")
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
# CloudFormation says that these may mean a replacement of a database; RDS changes them in place.
HARMLESS = frozenset(
    """AutoMinorVersionUpgrade BackupRetentionPeriod DBParameterGroupName MultiAZ PreferredMaintenanceWindow
    PerformanceInsightsKMSKeyId""".split()
)
Look = Callable[[], None]


def change(
    site: Site,
    stack: StackTemplate,
    *,
    parameters: Mapping[str, str],
    allow_replace: frozenset[str] = frozenset(),
    look: Look | None = None,
) -> bool:
    """Whether there was anything to change. `look` is called at every turn of the wait."""
    live = fetch_stack(site.cloud, stack.name)
    create = live is None or live.status == "REVIEW_IN_PROGRESS"
    name = _make(site, stack, live=None if create else live, parameters=parameters)
    found = _await_change_set(site, stack, name)
    if found is None:
        return False
    _refuse_losses(site, stack, name, allow_replace)
    events = StackEvents(site, found["StackId"], stack.id)
    events.skip()
    _run(site, stack, name, create=create)
    _await_begin(site, events, None if create else live)
    ended = await_stack(site, found["StackId"], stack.id, events=events, look=look)
    if ended is None or ended.status not in GOOD:
        raise StackFailed(
            stack=stack.id,
            status=ended.status if ended else "DELETE_COMPLETE",
            reasons=_sentences(events.failures or _reasons(site, StackName=found["StackId"])),
        )
    _protect(site, stack, ended)
    return True


def _await_begin(site: Site, events: StackEvents, before: LiveStack | None) -> None:
    """A stack that still looks finished has not begun: its old state must not be taken for the outcome."""
    deadline = site.clock.now().timestamp() + STALE_SECONDS_MAX
    while site.clock.now().timestamp() < deadline:
        live = fetch_stack(site.cloud, events.stack)
        events.look()
        if events.told or live is None or before is None:
            return
        if live.status.endswith("_IN_PROGRESS") or live.updated_at != before.updated_at:
            return
        site.wait()


def await_stack(
    site: Site, stack_id: str, label: str, *, events: StackEvents | None = None, look: Look | None = None
) -> LiveStack | None:
    """The stack when it stands still again, or nothing when it is gone."""
    feed = events or StackEvents(site, stack_id, label)
    if events is None:
        feed.skip()
    deadline = site.clock.now().timestamp() + STACK_SECONDS_MAX
    while True:
        live = fetch_stack(site.cloud, stack_id)
        feed.look()
        if look:
            look()
        if live is None or live.status == "DELETE_COMPLETE":
            return None
        if not live.status.endswith("_IN_PROGRESS"):
            return live
        if site.clock.now().timestamp() > deadline:
            remedy = f"it did so for {STACK_SECONDS_MAX} seconds; look at its events."
            raise StackStuck(stack=label, status=live.status, remedy=remedy)
        site.wait()


def delete(site: Site, name: str, label: str) -> None:
    """Of a stack that holds nothing that remembers: its protection is lifted, and it is waited for until it is gone."""
    live = fetch_stack(site.cloud, name)
    if live is None:
        return
    if live.protected:
        _set_protection(site, name, on=False)
    events = StackEvents(site, live.stack_id, label)
    events.skip()
    site.cloud.call("cloudformation", "DeleteStack", StackName=live.stack_id)
    ended = await_stack(site, live.stack_id, label, events=events)
    if ended is not None:
        raise StackFailed(stack=label, status=ended.status, reasons=_sentences(events.failures))


def continue_rollback(site: Site, name: str, label: str) -> None:
    site.cloud.call("cloudformation", "ContinueUpdateRollback", StackName=name)
    events = StackEvents(site, name, label)
    events.skip()
    ended = await_stack(site, name, label, events=events)
    if ended is None or ended.status != "UPDATE_ROLLBACK_COMPLETE":
        raise StackFailed(
            stack=label, status=ended.status if ended else "gone", reasons=_sentences(events.failures)
        )


# --- the change set -------------------------------------------------------------------------------------------------


def _make(site: Site, stack: StackTemplate, *, live: LiveStack | None, parameters: Mapping[str, str]) -> str:
    name = f"deploy-{site.clock.now():%Y%m%d-%H%M%S-%f}"
    options: dict[str, Any] = {} if live else {"OnStackFailure": "DELETE"}
    try:
        site.cloud.call(
            "cloudformation",
            "CreateChangeSet",
            StackName=stack.name,
            ChangeSetName=name,
            ChangeSetType="UPDATE" if live else "CREATE",
            TemplateBody=stack.body,
            Parameters=list(_parameters(stack, live, parameters)),
            Capabilities=CAPABILITIES,
            Tags=[{"Key": "holdfast:stage", "Value": site.stage.name}],
            Description=str(stack.template.get("Description", "")),
            **options,
        )
    except AwsRefused as fault:
        # No other has this name: the answer to our first call was lost, and the call was tried again.
        if fault.code != "AlreadyExistsException":
            raise
    return name


def _parameters(
    stack: StackTemplate, live: LiveStack | None, parameters: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """What is ours to say; else what the stack has; else the template's own."""
    for name in stack.parameters:
        if name in parameters:
            yield {"ParameterKey": name, "ParameterValue": parameters[name]}
        elif live and name in live.parameters:
            yield {"ParameterKey": name, "UsePreviousValue": True}


def _await_change_set(site: Site, stack: StackTemplate, name: str) -> dict[str, Any] | None:
    """The change set when it may be executed; nothing when there is no difference."""
    while True:
        found = _describe(site, stack, name)
        if found["Status"] == "CREATE_COMPLETE":
            break
        if found["Status"] == "FAILED":
            reason = found.get("StatusReason", "")
            reasons = [] if _says_no_change(reason) else _reasons(site, ChangeSetName=found["ChangeSetId"])
            _drop(site, stack, name)
            if _says_no_change(reason):
                return None
            raise ChangeSetFailed(stack=stack.id, reasons=_sentences([reason, *reasons]))
        site.wait()
    if found.get("DeploymentConfig", {}).get("Mode") == "EXPRESS":
        _drop(site, stack, name)
        raise Refused(detail="a change set in express mode ends before its resources are ready.")
    return found


def _describe(site: Site, stack: StackTemplate, name: str) -> dict[str, Any]:
    return site.cloud.call("cloudformation", "DescribeChangeSet", StackName=stack.name, ChangeSetName=name)


def _drop(site: Site, stack: StackTemplate, name: str) -> None:
    site.cloud.call("cloudformation", "DeleteChangeSet", StackName=stack.name, ChangeSetName=name)


def _says_no_change(reason: str) -> bool:
    return any(each in reason for each in NO_CHANGE)


def _refuse_losses(site: Site, stack: StackTemplate, name: str, allowed: frozenset[str]) -> None:
    """The plan has looked already; this is CloudFormation's own word, before anything is touched."""
    changes = site.cloud.pages(
        "cloudformation", "DescribeChangeSet", "Changes", StackName=stack.name, ChangeSetName=name
    )
    lost = [
        f"{each['LogicalResourceId']} ({each['ResourceType']}, {each['Action']})"
        for each in (change.get("ResourceChange", {}) for change in changes)
        if each.get("ResourceType") in REMEMBERS
        and each["LogicalResourceId"] not in allowed
        and (each["Action"] == "Remove" or _may_replace(each))
    ]
    if lost:
        _drop(site, stack, name)
        raise Destructive(stack=stack.id, resources=f"{', '.join(lost)}.")


def _may_replace(found: Mapping[str, Any]) -> bool:
    if found.get("Replacement") != "Conditional":
        return found.get("Replacement") == "True"
    targets = [each.get("Target", {}) for each in found.get("Details", ())]
    names = {each.get("Name") for each in targets if each.get("RequiresRecreation", "Never") != "Never"}
    return not names or not names <= HARMLESS


def _run(site: Site, stack: StackTemplate, name: str, *, create: bool) -> None:
    # What a first attempt made and could not finish goes away with it, also where it would be kept later on.
    options = {"RetainExceptOnCreate": True} if create else {}
    try:
        site.cloud.call(
            "cloudformation", "ExecuteChangeSet", StackName=stack.name, ChangeSetName=name, **options
        )
    except AwsRefused as fault:
        # The answer to our first call was lost, and the call was tried again.
        begun = ("EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE")
        if (
            fault.code != "InvalidChangeSetStatus"
            or _describe(site, stack, name)["ExecutionStatus"] not in begun
        ):
            raise


def _protect(site: Site, stack: StackTemplate, live: LiveStack) -> None:
    if stack.protected and not live.protected:
        _set_protection(site, stack.name, on=True)


def _set_protection(site: Site, name: str, *, on: bool) -> None:
    site.cloud.call(
        "cloudformation", "UpdateTerminationProtection", StackName=name, EnableTerminationProtection=on
    )


# --- why ------------------------------------------------------------------------------------------------------------


def _reasons(site: Site, **whose: str) -> list[str]:
    """What failed, from the newer events. An AWS that does not know them has said all it knows already."""
    try:
        events = list(
            site.cloud.pages(
                "cloudformation",
                "DescribeEvents",
                "OperationEvents",
                Filters={"FailedEvents": True},
                **whose,
            )
        )
    except AwsRefused as fault:
        if fault.code in (
            "InvalidAction",
            "UnknownOperation",
            "UnknownOperationException",
            "ValidationError",
        ):
            return []
        raise
    return [sentence for each in events if (sentence := _sentence(each))]


def _sentence(event: Mapping[str, Any]) -> str:
    said = (
        event.get("ValidationStatusReason")
        or event.get("HookStatusReason")
        or event.get("ResourceStatusReason")
        or ""
    )
    where = " ".join(filter(None, (event.get("LogicalResourceId", ""), event.get("ValidationPath", ""))))
    return f"{where}: {said}" if where and said else str(said)


def _sentences(reasons: list[str]) -> str:
    """Each once, in order, as sentences."""
    found = dict.fromkeys(each.strip().rstrip(".") for each in reasons if each.strip())
    return " ".join(f"{each}." for each in found) or "CloudFormation gives no reason."
