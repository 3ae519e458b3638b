"""Everything that can be looked at before something trades, and nothing changed: faults that stop, and notes.

Each look is a function that yields findings; all faults are said at once. What only AWS can know when it starts a task
(whether a role may read a secret, whether an address is reachable) is not guessed at here.
"""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy import images
from deploy.bundle import Desired
from deploy.errors import AwsRefused, NotReady
from deploy.observe import Observed, repository
from deploy.site import ROOT, Site

CA_FILE = ROOT / "docker" / "rds-ca.pem"
CA_DAYS_MIN = 60
# Tasks take an address each while they run, and a roll must not wait for one that was only just given back.
ADDRESSES_SPARE = 8
FARGATE_VCPUS = ("fargate", "L-3032A538")
WITH_ROLES = ("Network", "Data", "Platform", "Tasks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`stops`: nothing may be deployed before it is put right."""

    sentence: str
    stops: bool = True


Look = Callable[[Site, Desired, Observed], Iterator[Finding]]


def find(site: Site, desired: Desired, observed: Observed) -> tuple[Finding, ...]:
    return tuple(finding for each in LOOKS for finding in each(site, desired, observed))


def look(site: Site, desired: Desired, observed: Observed) -> tuple[str, ...]:
    """Tells every finding, and gives back those that stop."""
    found = find(site, desired, observed)
    for each in found:
        site.timeline.tell("preflight", f"{'fault' if each.stops else 'note'}: {each.sentence}")
    return tuple(each.sentence for each in found if each.stops)


def verify(site: Site, desired: Desired, observed: Observed) -> None:
    if faults := look(site, desired, observed):
        raise NotReady(count=len(faults), faults=" ".join(faults))


# --- the image ------------------------------------------------------------------------------------------------------


def _image(site: Site, desired: Desired, observed: Observed) -> Iterator[Finding]:
    """Of the tasks' own processor, or no task starts. Where that cannot be known, the task's start decides."""
    if observed.image is None:
        return
    digest = observed.image.digest
    kinds = images.fetch_architectures(site.cloud, repository(desired, observed.stacks), digest)
    if not kinds:
        yield Finding(sentence=f"The registry cannot give image {digest}.")
    elif kinds == (images.UNKNOWN,):
        yield Finding(
            sentence="The registry does not say which processor the image is for; "
            f"it must be {desired.architecture}.",
            stops=False,
        )
    elif desired.architecture not in kinds:
        yield Finding(
            sentence=f"The image is for {', '.join(kinds)}, and the tasks run on {desired.architecture}: "
            f"build it with `make image ARCH={desired.architecture}`."
        )


# --- what tasks stand on --------------------------------------------------------------------------------------------


def _roles(site: Site, desired: Desired, observed: Observed) -> Iterator[Finding]:
    """A role that somebody deleted by hand stands in its stack still, and what takes it would fail much later."""
    for stack in desired.stacks:
        if stack.id not in WITH_ROLES or stack.name not in observed.stacks:
            continue
        found = site.cloud.pages(
            "cloudformation", "ListStackResources", "StackResourceSummaries", StackName=stack.name
        )
        for each in found:
            if each["ResourceType"] != "AWS::IAM::Role" or not each.get("PhysicalResourceId"):
                continue
            try:
                site.cloud.call("iam", "GetRole", RoleName=each["PhysicalResourceId"])
            except AwsRefused as fault:
                if fault.code != "NoSuchEntity":
                    raise
                name = each["PhysicalResourceId"]
                yield Finding(
                    sentence=f"Role {name} of stack {stack.id} is gone, and what takes it will fail."
                )


def _secrets(site: Site, desired: Desired, _: Observed) -> Iterator[Finding]:
    """That it is there and has a value. The value is not read: it is the desk's alone."""
    for arn in sorted({arn for desk in desired.desks for arn in desk.secrets}):
        try:
            found = site.cloud.call("secretsmanager", "DescribeSecret", SecretId=arn)
        except AwsRefused as fault:
            if fault.code != "ResourceNotFoundException":
                raise
            yield Finding(sentence=f"There is no secret {arn}: make it as docs/aws.md says.")
            continue
        if found.get("DeletedDate"):
            yield Finding(sentence=f"Secret {arn} is being deleted: restore it, or name another.")
        elif not any("AWSCURRENT" in each for each in found.get("VersionIdsToStages", {}).values()):
            yield Finding(sentence=f"Secret {arn} has no value yet.")


def _subnets(site: Site, desired: Desired, observed: Observed) -> Iterator[Finding]:
    ids = observed.output(desired.stack("Network").name, "DeskSubnets")
    if not ids:
        return
    needed = len(desired.desks) + ADDRESSES_SPARE
    for each in site.cloud.pages("ec2", "DescribeSubnets", "Subnets", SubnetIds=ids.split(",")):
        free = each["AvailableIpAddressCount"]
        if free < needed:
            yield Finding(
                sentence=f"Subnet {each['SubnetId']} has {free} free addresses; {needed} are wanted."
            )


def _quotas(site: Site, desired: Desired, _: Observed) -> Iterator[Finding]:
    service, code = FARGATE_VCPUS
    stage = desired.stage
    needed = (len(desired.desks) * stage.desk_cpu + 3 * stage.task_cpu) / 1024
    try:
        answer = site.cloud.call("service-quotas", "GetServiceQuota", ServiceCode=service, QuotaCode=code)
    except AwsRefused as fault:
        yield Finding(sentence=f"The quota of Fargate could not be read ({fault.code}).", stops=False)
        return
    quota = answer["Quota"]["Value"]
    if quota < needed:
        yield Finding(sentence=f"Fargate grants this account {quota:g} vCPUs; the stage wants {needed:g}.")


def _addresses(_: Site, desired: Desired, observed: Observed) -> Iterator[Finding]:
    addresses = observed.output(desired.stack("Network").name, "EgressAddresses")
    if addresses and any(desk.live for desk in desired.stage.desks):
        yield Finding(sentence=f"Keys with an allow-list must allow {addresses}.", stops=False)


# --- what has an order or an end --------------------------------------------------------------------------------------


def _schema(_: Site, desired: Desired, observed: Observed) -> Iterator[Finding]:
    known = {each.name for each in desired.revisions}
    if observed.schema and observed.schema not in known:
        yield Finding(
            sentence=f"The database is at revision {observed.schema}, which this checkout does not know: "
            "it is older than what runs. Deploy from a newer one."
        )


def _certificates(site: Site, _: Desired, __: Observed) -> Iterator[Finding]:
    yield from certificates(CA_FILE, site.clock.now())


def certificates(path: Path, now: datetime) -> Iterator[Finding]:
    """The authorities in the image; a desk trusts no database whose authority has ended."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=path)
    ends = [_ends(each) for each in context.get_ca_certs()]
    if max(ends) <= now:
        yield Finding(
            sentence=f"Every certificate in {path.name} has ended: run `make ca` and build a new image."
        )
    elif min(ends) <= now + timedelta(days=CA_DAYS_MIN):
        yield Finding(
            sentence=f"A certificate in {path.name} ends on {min(ends):%Y-%m-%d}: run `make ca`.", stops=False
        )


def _ends(certificate: Any) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)


LOOKS: tuple[Look, ...] = (_image, _roles, _secrets, _subnets, _quotas, _addresses, _schema, _certificates)
