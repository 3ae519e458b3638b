"""doctor: look at what fails silently: who is told, what AWS will restart, what ends soon; exit code 6 if any does.

Everything that a deploy verifies before it starts is not repeated here; `plan` says that.
"""

import argparse
from collections.abc import Callable, Iterator
from datetime import timedelta

from deploy.bundle import Desired
from deploy.errors import AwsRefused, Unhealthy
from deploy.observe import Observed, observe
from deploy.site import Site

CERTIFICATE_DAYS_MIN = 60
TOPICS = {"PageTopicArn": "pages", "TicketTopicArn": "tickets"}

Check = Callable[[Site, Desired, Observed], Iterator[str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has no choices of its own."""


def run(site: Site, _args: argparse.Namespace) -> int:
    desired = site.read_templates()
    observed = observe(site.cloud, desired)
    faults = []
    for name, check in CHECKS.items():
        found = list(check(site, desired, observed))
        faults += found
        for sentence in found or ["well"]:
            site.timeline.tell(f"! {name}" if found else name, sentence)
    if faults:
        raise Unhealthy(count=len(faults), faults=" ".join(f"{each}." for each in faults))
    return 0


def _check_bucket(site: Site, _desired: Desired, observed: Observed) -> Iterator[str]:
    if not observed.bucket_exists:
        yield f"there is no bucket {observed.bucket} yet; the first deploy makes it"
        return
    status = site.cloud.call("s3", "GetBucketVersioning", Bucket=observed.bucket).get("Status")
    if status != "Enabled":
        yield f"bucket {observed.bucket} keeps no versions; the next deploy switches that on again"
    if observed.lock and not observed.lock.released and observed.lock.until < site.clock.now():
        yield f"the lock of {observed.lock.owner} ran out without being given back: a deploy was interrupted"


def _check_who_is_told(site: Site, desired: Desired, observed: Observed) -> Iterator[str]:
    """An e-mail address that was never confirmed is the commonest silent failure."""
    for output, what in TOPICS.items():
        topic = observed.output(desired.stack("Platform").name, output)
        if not topic:
            continue
        found = list(site.cloud.pages("sns", "ListSubscriptionsByTopic", "Subscriptions", TopicArn=topic))
        waiting = [each["Endpoint"] for each in found if each["SubscriptionArn"] == "PendingConfirmation"]
        if waiting:
            yield f"{', '.join(waiting)} has not confirmed to be told of {what}"
        if len(found) == len(waiting):
            yield f"nobody is told of {what}; set page_to in the stage, or subscribe something to {topic}"


def _check_retirement(site: Site, _desired: Desired, _observed: Observed) -> Iterator[str]:
    """Fargate restarts tasks for its own updates, after a notice unless the account has waived that."""
    found = site.cloud.call(
        "ecs", "ListAccountSettings", name="fargateTaskRetirementWaitPeriod", effectiveSettings=True
    )["settings"]
    if next((each["value"] for each in found), "7") == "0":
        yield "Fargate retires tasks of this account at once, without notice"


def _check_database(site: Site, desired: Desired, observed: Observed) -> Iterator[str]:
    name = observed.output(desired.stack("Data").name, "DatabaseIdentifier")
    if not name or site.stage.engine != "postgres":
        return
    (found,) = site.cloud.call("rds", "DescribeDBInstances", DBInstanceIdentifier=name)["DBInstances"]
    if found["DBInstanceStatus"] != "available":
        yield f"database {name} is {found['DBInstanceStatus']}"
    until = found.get("CertificateDetails", {}).get("ValidTill")
    if until and until - site.clock.now() < timedelta(days=CERTIFICATE_DAYS_MIN):
        yield f"the certificate of database {name} ends on {until:%Y-%m-%d}"
    if pending := sorted(found.get("PendingModifiedValues", {})):
        yield f"database {name} will change in its next window: {', '.join(pending)}"


def _check_image(site: Site, desired: Desired, observed: Observed) -> Iterator[str]:
    """What runs must stay in the registry, or a restart cannot pull it."""
    release = observed.release
    uri = observed.output(desired.stack("Platform").name, "RepositoryUri")
    if release is None or not uri:
        return
    try:
        site.cloud.call(
            "ecr",
            "DescribeImages",
            repositoryName=uri.partition("/")[2],
            imageIds=[{"imageDigest": release.digest}],
        )
    except AwsRefused as fault:
        if fault.code not in ("ImageNotFoundException", "RepositoryNotFoundException"):
            raise
        yield f"the registry no longer holds {release.digest}, which runs: push it before anything restarts"


CHECKS: dict[str, Check] = {
    "bucket": _check_bucket,
    "who is told": _check_who_is_told,
    "retirement": _check_retirement,
    "database": _check_database,
    "image": _check_image,
}
