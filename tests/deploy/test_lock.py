"""One deployer at a time, held against a real S3 protocol: moto's server, over HTTP, with its conditional puts."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from deploy import buckets, lock, pauses, releases
from deploy.aws import Account
from deploy.errors import AwsRefused, Locked, LockLost, NotPermitted
from deploy.releases import DEPLOYED, DESTROYED, FAILED, ROLLED_BACK, Release

BUCKET = "holdfast-dev-123456789012-us-east-1"
START = datetime(2026, 11, 21, 12, tzinfo=UTC)


class SetClock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def wait(self, seconds: float, /) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def account(endpoint: str, clock: SetClock) -> Iterator[Account]:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    config = Config(retries={"total_max_attempts": 1})
    clients: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in clients:
            clients[service] = session.client(service, endpoint_url=endpoint, config=config)
        return clients[service]

    account = Account(region="us-east-1", client=client, clock=clock)
    buckets.make(account, BUCKET)
    # The server speaks plain HTTP, and that is what the bucket's policy refuses.
    account.call("s3", "DeleteBucketPolicy", Bucket=BUCKET)
    yield account
    for each in account.pages("s3", "ListObjectVersions", "Versions", Bucket=BUCKET):
        account.call("s3", "DeleteObject", Bucket=BUCKET, Key=each["Key"], VersionId=each["VersionId"])
    for each in account.pages("s3", "ListObjectVersions", "DeleteMarkers", Bucket=BUCKET):
        account.call("s3", "DeleteObject", Bucket=BUCKET, Key=each["Key"], VersionId=each["VersionId"])
    for service in clients.values():
        service.close()


def acquire(account: Account, clock: SetClock, owner: str) -> lock.Lock:
    return lock.acquire(account, clock, stage="dev", bucket=BUCKET, owner=owner, purpose="deploy")


# --- the bucket -----------------------------------------------------------------------------------------------------


def test_bucket__is_private_versioned_and_reached_over_tls_alone(account: Account) -> None:
    assert account.call("s3", "GetBucketVersioning", Bucket=BUCKET)["Status"] == "Enabled"
    closed = account.call("s3", "GetPublicAccessBlock", Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert all(closed.values())
    assert len(closed) == 4
    with pytest.raises(AwsRefused):
        account.call("s3", "GetBucketPolicy", Bucket=BUCKET)
    buckets.make(account, BUCKET)
    policy = json.loads(account.call("s3", "GetBucketPolicy", Bucket=BUCKET)["Policy"])
    assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_bucket__is_made_again_without_harm_and_found(account: Account) -> None:
    buckets.make(account, BUCKET)
    with pytest.raises(NotPermitted):
        account.call("s3", "PutObject", Bucket=BUCKET, Key="over-plain-http", Body=b"")
    assert buckets.exists(account, BUCKET)
    assert not buckets.exists(account, "holdfast-other-123456789012-us-east-1")


# --- the lock -------------------------------------------------------------------------------------------------------


def test_lock__the_second_is_told_who_and_why_and_until_when(account: Account, clock: SetClock) -> None:
    acquire(account, clock, "ada")
    with pytest.raises(Locked) as caught:
        acquire(account, clock, "grace")
    assert caught.value.facts["owner"] == "ada"
    assert caught.value.facts["until"] == "2026-11-21T12:05:00+00:00"
    assert caught.value.exit_code == 5


def test_lock__a_released_one_is_free_at_once_and_its_history_stays(
    account: Account, clock: SetClock
) -> None:
    acquire(account, clock, "ada").release()
    acquire(account, clock, "grace")
    kept = list(account.pages("s3", "ListObjectVersions", "Versions", Bucket=BUCKET, Prefix=lock.KEY))
    assert len(kept) == 3


def test_lock__one_whose_owner_died_is_free_when_its_time_is_over(account: Account, clock: SetClock) -> None:
    acquire(account, clock, "ada")
    clock.wait(lock.TTL_SECONDS - 1)
    with pytest.raises(Locked):
        acquire(account, clock, "grace")
    clock.wait(1)
    assert acquire(account, clock, "grace").owner == "grace"


def test_lock__is_renewed_while_somebody_waits(account: Account, clock: SetClock) -> None:
    held = acquire(account, clock, "ada")
    for _ in range(20):
        clock.wait(lock.RENEW_SECONDS)
        held.renew_if_due()
    with pytest.raises(Locked):
        acquire(account, clock, "grace")


def test_lock__who_lost_it_learns_so_at_the_next_renewal_and_not_by_writing_over(
    account: Account, clock: SetClock
) -> None:
    held = acquire(account, clock, "ada")
    clock.wait(lock.TTL_SECONDS)
    acquire(account, clock, "grace")
    with pytest.raises(LockLost) as caught:
        held.renew_if_due()
    assert caught.value.facts["owner"] == "grace"
    found = lock.fetch(account, BUCKET)
    assert found is not None
    assert found.owner == "grace"


def test_lock__of_two_that_saw_it_free_only_one_gets_it(account: Account, clock: SetClock) -> None:
    wanted = lock.Held(owner="ada", purpose="deploy", since=START, until=START + timedelta(hours=1))
    assert lock.fetch(account, BUCKET) is None
    acquire(account, clock, "grace")
    with pytest.raises(AwsRefused) as caught:
        lock._put(account, BUCKET, wanted, over=None)
    assert caught.value.code in lock.TAKEN


def test_break_glass__ends_it_in_our_name_and_says_whose_it_was(account: Account, clock: SetClock) -> None:
    held = acquire(account, clock, "ada")
    broken = lock.break_glass(account, clock, bucket=BUCKET, owner="grace", purpose="unlock")
    assert broken is not None
    assert broken.owner == "ada"
    clock.wait(lock.RENEW_SECONDS)
    with pytest.raises(LockLost):
        held.renew_if_due()
    assert lock.break_glass(account, clock, bucket=BUCKET, owner="grace", purpose="unlock") is None
    assert acquire(account, clock, "linus").owner == "linus"


# --- receipts and pauses --------------------------------------------------------------------------------------------


def release(number: int, outcome: str, digest: str = "sha256:a") -> Release:
    return Release(
        id=f"r{number}",
        at=START + timedelta(minutes=number),
        outcome=outcome,
        digest=digest,
        wanted=digest,
        schema="0003",
        desks={"first": 1},
    )


def test_releases__are_read_as_they_were_written_the_newest_first(account: Account) -> None:
    written = [release(1, DEPLOYED), release(2, FAILED), release(3, ROLLED_BACK)]
    for each in written:
        releases.record(account, BUCKET, each)
    assert releases.fetch_all(account, BUCKET) == tuple(reversed(written))


def test_releases__a_receipt_is_never_written_over(account: Account) -> None:
    releases.record(account, BUCKET, release(1, DEPLOYED))
    releases.record(account, BUCKET, release(1, DEPLOYED))
    with pytest.raises(AwsRefused) as caught:
        releases.record(account, BUCKET, release(1, DEPLOYED, "sha256:other"))
    assert caught.value.code == "PreconditionFailed"
    assert releases.fetch_all(account, BUCKET)[0].digest == "sha256:a"


def test_running__is_what_the_newest_deploy_or_rollback_left_and_nothing_before_a_destroy() -> None:
    history = (release(3, FAILED), release(2, ROLLED_BACK), release(1, DEPLOYED))
    assert releases.running(history) == history[1]
    assert releases.running((release(4, DESTROYED, ""), *history)) is None
    assert releases.living((release(4, FAILED), release(3, DESTROYED, ""), *history)) == (release(4, FAILED),)


def test_pauses__stand_until_they_are_cleared(account: Account) -> None:
    pauses.record(account, BUCKET, "first", who="ada", reason="news", at=START)
    assert pauses.fetch(account, BUCKET) == {"first"}
    pauses.clear(account, BUCKET, "first")
    assert pauses.fetch(account, BUCKET) == frozenset()
