"""The bucket in which a stage's deployer remembers: the lock, the receipts, which desks are paused.

Versioned, private, encrypted, reached over TLS alone. It is made by the first deploy and outlives a destroy.
"""

import json

from deploy.cloud import Cloud
from deploy.errors import AwsRefused

PARTITIONS = {"cn": "aws-cn"}
GONE = frozenset("404 NoSuchBucket NotFound NoSuchKey".split())


def state_bucket(stage: str, cloud: Cloud) -> str:
    return f"holdfast-{stage}-{cloud.account_id}-{cloud.region}"


def exists(cloud: Cloud, bucket: str) -> bool:
    try:
        cloud.call("s3", "HeadBucket", Bucket=bucket, ExpectedBucketOwner=cloud.account_id)
    except AwsRefused as fault:
        if fault.code in GONE:
            return False
        raise
    return True


def make(cloud: Cloud, bucket: str) -> None:
    """Each call may be made again, so that a deploy that was killed in between goes on here."""
    where = {} if cloud.region == "us-east-1" else {"LocationConstraint": cloud.region}
    options = {"CreateBucketConfiguration": where} if where else {}
    try:
        cloud.call("s3", "CreateBucket", Bucket=bucket, **options)
    except AwsRefused as fault:
        if fault.code != "BucketAlreadyOwnedByYou":
            raise
    cloud.call("s3", "PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    cloud.call(
        "s3",
        "PutPublicAccessBlock",
        Bucket=bucket,
        PublicAccessBlockConfiguration=dict.fromkeys(closed, True),
    )
    cloud.call("s3", "PutBucketPolicy", Bucket=bucket, Policy=json.dumps(tls_only(bucket, cloud.region)))


def tls_only(bucket: str, region: str) -> dict[str, object]:
    arn = f"arn:{PARTITIONS.get(region.partition('-')[0], 'aws')}:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OverTlsAlone",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
