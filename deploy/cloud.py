"""What the deployer asks of AWS, as a shape: a call, the items of many pages, and whose account it is. No boto3.

Service and operation are literals at every call site, as the API writes them (`"ecs"`, `"RunTask"`): the deployer's
own permissions are generated from them. A body, as of an object in S3, comes back as bytes.
"""

import re
from collections.abc import Iterator
from typing import Any, Protocol

from deploy import errors

THROTTLES = frozenset(
    """Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException TooManyRequests
    TooManyRequestsException RequestLimitExceeded SlowDown PriorRequestNotComplete BandwidthLimitExceeded
    ProvisionedThroughputExceededException LimitExceededException.Rate""".split()
)
ENDED = frozenset(
    """ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired InvalidClientTokenId AuthFailure
    UnrecognizedClientException InvalidAccessKeyId SignatureDoesNotMatch NoCredentials""".split()
)
DENIED = frozenset(
    "AccessDenied AccessDeniedException AuthorizationError UnauthorizedOperation UnauthorizedAccess 403".split()
)
ACTION_SAID = re.compile(r"not authorized to perform:? ([a-z0-9-]+:[A-Za-z0-9*]+)")

# The service of the API and of IAM's actions differ in name here and there, and so do a few operations.
IAM_SERVICES = {
    "efs": "elasticfilesystem",
    "service-quotas": "servicequotas",
    "elbv2": "elasticloadbalancing",
}
IAM_ACTIONS = {
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("s3", "ListObjectVersions"): "s3:ListBucketVersions",
    ("s3", "HeadObject"): "s3:GetObject",
    ("s3", "DeleteObjects"): "s3:DeleteObject",
    ("s3", "ListBuckets"): "s3:ListAllMyBuckets",
    ("s3", "GetBucketEncryption"): "s3:GetEncryptionConfiguration",
    ("s3", "PutBucketEncryption"): "s3:PutEncryptionConfiguration",
    ("s3", "PutPublicAccessBlock"): "s3:PutBucketPublicAccessBlock",
    ("s3", "GetObjectLockConfiguration"): "s3:GetBucketObjectLockConfiguration",
    ("s3", "PutBucketLifecycleConfiguration"): "s3:PutLifecycleConfiguration",
}


class Cloud(Protocol):
    @property
    def account_id(self) -> str: ...

    @property
    def region(self) -> str: ...

    def call(self, service: str, operation: str, /, **arguments: Any) -> dict[str, Any]:
        """One answer of AWS, or an error of deploy/errors.py."""

    def pages(self, service: str, operation: str, key: str, /, **arguments: Any) -> Iterator[Any]:
        """The items under `key` of every page of the answer."""


def iam_action(service: str, operation: str) -> str:
    return IAM_ACTIONS.get((service, operation), f"{IAM_SERVICES.get(service, service)}:{operation}")


def refusal(service: str, operation: str, code: str, said: str, *, attempts: int = 1) -> errors.AwsRefused:
    """What a person should read and do, from what AWS answered. Pure, and the same for every Cloud."""
    said = said.strip() or "no reason given"
    said = said if said.endswith((".", "!", "?")) else f"{said}."
    facts = {"service": service, "operation": operation, "code": code, "said": said}
    if code in ENDED:
        return errors.CredentialsEnded(**facts)
    if code in DENIED:
        match = ACTION_SAID.search(said)
        return errors.NotPermitted(action=match[1] if match else iam_action(service, operation), **facts)
    if code in THROTTLES or (code == "ValidationError" and "Rate exceeded" in said):
        return errors.Throttled(attempts=attempts, **facts)
    return errors.AwsRefused(**facts)


def is_throttle(code: str, said: str) -> bool:
    return isinstance(refusal("", "", code, said), errors.Throttled)
