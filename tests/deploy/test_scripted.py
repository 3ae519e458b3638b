"""The simulation is held to the API, or it would prove nothing about a deployer that passes on it."""

import json

import pytest
from botocore.exceptions import ParamValidationError

from deploy.errors import AwsRefused, Throttled
from tests.deploy.scripted import Killed, ScriptedAws
from tests.deploy.simulated.api import NotTheApi, check_answer, operation_of
from tests.deploy.simulated.logs import Group

TEMPLATE = json.dumps(
    {
        "Resources": {
            "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "ours"}},
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Logs"}}},
        },
        "Outputs": {"Name": {"Value": {"Ref": "Logs"}}},
    }
)


def change(aws: ScriptedAws, kind: str, **more: object) -> None:
    aws.account().call(
        "cloudformation",
        "CreateChangeSet",
        StackName="one",
        ChangeSetName="set",
        ChangeSetType=kind,
        TemplateBody=TEMPLATE,
        **more,
    )


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"services": [{"serviceName": 3}]}, "Invalid type"),
        ({"services": [{"serviceNames": "x"}]}, "Unknown parameter"),
        ({"services": [{"deployments": [{"rolloutState": "DONE"}]}]}, "none of COMPLETED"),
    ],
)
def test_answer__what_the_api_never_says_fails_the_test(answer: dict[str, object], fault: str) -> None:
    with pytest.raises(NotTheApi, match=fault):
        check_answer(operation_of("ecs", "DescribeServices"), answer)


def test_request__what_the_api_does_not_take_fails_the_test() -> None:
    account = ScriptedAws().account()
    with pytest.raises(AwsRefused, match="ParamValidationError") as caught:
        account.call("ecs", "DescribeServices", cluster="c", service="one")
    assert isinstance(caught.value.__cause__, ParamValidationError)


def test_pages__a_list_comes_in_short_pages_and_one_call_sees_only_the_first() -> None:
    aws = ScriptedAws()
    account = aws.account()
    account.call("s3", "CreateBucket", Bucket="bucket")
    for number in range(7):
        aws.s3.put("bucket", f"{number}", b"")
    first = account.call("s3", "ListObjectsV2", Bucket="bucket")
    assert first["IsTruncated"]
    assert len(first["Contents"]) == 3
    assert len(list(account.pages("s3", "ListObjectsV2", "Contents", Bucket="bucket"))) == 7


def test_put__only_one_of_two_is_first() -> None:
    aws = ScriptedAws()
    account = aws.account()
    account.call("s3", "CreateBucket", Bucket="bucket")
    account.call("s3", "PutObject", Bucket="bucket", Key="lock", Body=b"a", IfNoneMatch="*")
    with pytest.raises(AwsRefused) as caught:
        account.call("s3", "PutObject", Bucket="bucket", Key="lock", Body=b"b", IfNoneMatch="*")
    assert caught.value.code == "PreconditionFailed"


def test_refuse__throttling_is_outlasted_and_then_told() -> None:
    aws = ScriptedAws()
    aws.refuse("sts", "GetCallerIdentity", "Throttling", times=2)
    assert aws.account().account_id == "123456789012"
    assert aws.count("sts", "GetCallerIdentity") == 3
    aws.refuse("sts", "GetCallerIdentity", "Throttling", times=99)
    with pytest.raises(Throttled):
        _ = aws.account().account_id


@pytest.mark.parametrize("afterwards", [False, True])
def test_kill__the_request_is_carried_out_or_not(afterwards: bool) -> None:
    aws = ScriptedAws()
    account = aws.account()
    with aws.killed_at(1, afterwards=afterwards):
        account.call("s3", "CreateBucket", Bucket="bucket")
        raise AssertionError("it lives")
    assert ("bucket" in aws.s3.buckets) is afterwards
    assert issubclass(Killed, BaseException)
    assert not issubclass(Killed, Exception)


def test_stack__stands_after_its_time_with_its_outputs() -> None:
    aws = ScriptedAws()
    change(aws, "CREATE")
    aws.account().call("cloudformation", "ExecuteChangeSet", StackName="one", ChangeSetName="set")
    assert aws.cloudformation.stacks["one"].status == "CREATE_IN_PROGRESS"
    aws.clock.wait(60)
    assert aws.cloudformation.stacks["one"].status == "CREATE_COMPLETE"
    assert aws.cloudformation.stacks["one"].outputs == {"Name": "ours"}
    assert "ours" in aws.logs.groups


def test_stack__a_name_that_is_taken_fails_unless_it_may_be_adopted() -> None:
    for adopts, status in ((False, "ROLLBACK_COMPLETE"), (True, "CREATE_COMPLETE")):
        aws = ScriptedAws()
        change(aws, "CREATE", ImportExistingResources=adopts)
        aws.logs.groups["ours"] = Group("ours")
        aws.account().call("cloudformation", "ExecuteChangeSet", StackName="one", ChangeSetName="set")
        aws.clock.wait(60)
        assert aws.cloudformation.stacks["one"].status == status
