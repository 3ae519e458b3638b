"""The bucket of artefacts: models and other saves that are too large for the database, by the hash of their content.

A desk reads and writes it, and nobody else writes, whatever rights he has elsewhere. Nobody here can remove an
artefact, and a name that is written twice keeps both versions. It is always kept, like the dumps of the ledger that
names what is in it.
"""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.roles import allow

ARTEFACTS = "artefacts"
OVERWRITTEN_DAYS = 90


def make_artefacts(scope: Construct, *, key: kms.IKey, access_log: str, desks: iam.Role) -> s3.Bucket:
    """`access_log` is the name of the bucket that says who touched what; it admits us by itself."""
    bucket = s3.Bucket(
        scope,
        "Artefacts",
        versioned=True,
        encryption=s3.BucketEncryption.KMS,
        encryption_key=key,
        bucket_key_enabled=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        lifecycle_rules=[
            s3.LifecycleRule(
                noncurrent_version_expiration=Duration.days(OVERWRITTEN_DAYS),
                abort_incomplete_multipart_upload_after=Duration.days(7),
            )
        ],
        removal_policy=RemovalPolicy.RETAIN,
    )
    default = bucket.node.default_child
    assert isinstance(default, s3.CfnBucket)
    # The plain property: the construct would open the other bucket to us, which stands below us and does so itself.
    default.logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
        destination_bucket_name=access_log, log_file_prefix=f"{ARTEFACTS}/"
    )
    whole, each = bucket.bucket_arn, f"{bucket.bucket_arn}/{ARTEFACTS}/*"
    _let(bucket, "DesksReadAndWrite", desks, ["s3:GetObject", "s3:PutObject"], each)
    # Without it S3 says of what is missing that it is forbidden, which is another fault.
    _let(bucket, "DesksMissThings", desks, ["s3:ListBucket"], whole)
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="NobodyElseWrites",
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["s3:PutObject"],
            resources=[f"{whole}/*"],
            conditions={"ArnNotEquals": {"aws:PrincipalArn": desks.role_arn}},
        )
    )
    allow(desks, ["kms:GenerateDataKey", "kms:Decrypt"], key.key_arn)
    return bucket


def _let(bucket: s3.Bucket, sid: str, role: iam.Role, actions: list[str], resource: str) -> None:
    bucket.add_to_resource_policy(
        iam.PolicyStatement(sid=sid, principals=[role], actions=actions, resources=[resource])
    )
