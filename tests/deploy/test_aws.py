"""The account: what AWS answers becomes one of our errors, and what passes is outlasted, page by page."""

import socket

import boto3
import pytest
from botocore.config import Config

from deploy import errors
from deploy.aws import Account
from deploy.cloud import iam_action, refusal
from tests.deploy.scripted import ScriptedAws
from tests.deploy.simulated.clock import VirtualClock


def bucket_with(aws: ScriptedAws, keys: int) -> None:
    aws.account().call("s3", "CreateBucket", Bucket="ours")
    for number in range(keys):
        aws.s3.put("ours", f"{number:03}", b"")


def test_pages__a_page_that_was_throttled_is_asked_again_and_none_after_it_is_lost() -> None:
    aws = ScriptedAws()
    bucket_with(aws, 10)
    aws.refuse("s3", "ListObjectsV2", "SlowDown", times=2, passing=1)
    found = list(aws.account().pages("s3", "ListObjectsV2", "Contents", Bucket="ours"))
    assert [each["Key"] for each in found] == [f"{number:03}" for number in range(10)]


def test_pages__a_page_that_stays_refused_is_an_error_and_no_short_list() -> None:
    aws = ScriptedAws()
    bucket_with(aws, 10)
    aws.refuse("s3", "ListObjectsV2", "AccessDenied", times=100, passing=2)
    with pytest.raises(errors.NotPermitted) as caught:
        list(aws.account().pages("s3", "ListObjectsV2", "Contents", Bucket="ours"))
    assert caught.value.facts["action"] == "s3:ListBucket"


def test_call__throttling_is_waited_out_on_the_clock_and_then_told() -> None:
    aws = ScriptedAws()
    began = aws.clock.now()
    aws.refuse("ecs", "ListServices", "ThrottlingException", times=3)
    account = aws.account()
    assert account.call("ecs", "ListServices", cluster="c") == {"serviceArns": []}
    assert (aws.clock.now() - began).total_seconds() == 1 + 2 + 4
    aws.refuse("ecs", "ListServices", "ThrottlingException", times=100)
    with pytest.raises(errors.Throttled) as caught:
        account.call("ecs", "ListServices", cluster="c")
    assert caught.value.facts["attempts"] == 6


def test_call__an_aws_that_cannot_be_reached_is_tried_again_and_then_told() -> None:
    clock = VirtualClock()
    began = clock.now()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        # Bound and not listening: whoever connects is refused.
        session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
        client = session.client(
            "sts",
            endpoint_url=f"http://127.0.0.1:{taken.getsockname()[1]}",
            config=Config(retries={"total_max_attempts": 1}),
        )
        account = Account(region="us-east-1", client=lambda _: client, clock=clock)
        with pytest.raises(errors.AwsUnreachable) as caught:
            _ = account.account_id
        client.close()
    assert caught.value.facts["attempts"] == 6
    assert (clock.now() - began).total_seconds() == 1 + 2 + 4 + 8 + 16


def test_calls__everything_that_was_asked_is_remembered() -> None:
    account = ScriptedAws().account()
    account.call("ecs", "ListServices", cluster="c")
    assert account.calls == [("ecs", "ListServices")]


@pytest.mark.parametrize(
    ("code", "said", "kind"),
    [
        ("ExpiredToken", "The security token included in the request is expired", errors.CredentialsEnded),
        ("UnrecognizedClientException", "The security token is invalid", errors.CredentialsEnded),
        ("ThrottlingException", "Rate exceeded", errors.Throttled),
        ("ValidationError", "Rate exceeded", errors.Throttled),
        ("AccessDenied", "no", errors.NotPermitted),
        ("ValidationError", "Stack does not exist", errors.AwsRefused),
    ],
)
def test_refusal__is_named_by_what_the_reader_must_do(code: str, said: str, kind: type) -> None:
    assert type(refusal("ecs", "RunTask", code, said)) is kind


def test_refusal__names_the_action_that_aws_names_before_the_one_that_was_called() -> None:
    said = "User: arn:aws:iam::1:user/ada is not authorized to perform: iam:PassRole on resource: x"
    assert refusal("ecs", "RunTask", "AccessDeniedException", said).facts["action"] == "iam:PassRole"
    assert refusal("ecs", "RunTask", "AccessDeniedException", "no").facts["action"] == "ecs:RunTask"


@pytest.mark.parametrize(
    ("call", "action"),
    [
        (("s3", "HeadBucket"), "s3:ListBucket"),
        (("efs", "DescribeFileSystems"), "elasticfilesystem:DescribeFileSystems"),
        (("service-quotas", "GetServiceQuota"), "servicequotas:GetServiceQuota"),
        (("ecs", "RunTask"), "ecs:RunTask"),
    ],
)
def test_iam_action__is_named_as_policies_name_it(call: tuple[str, str], action: str) -> None:
    assert iam_action(*call) == action
