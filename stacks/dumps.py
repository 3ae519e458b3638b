"""The bucket of dumps: versioned, locked, encrypted, logged, and copied to another region where the stage says so.

It stands in the stack of what remembers. Nothing here can read or remove a dump.
"""

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.settings import Stage

DUMPS = "pg_dump"


def make_dumps(scope: Construct, *, stage: Stage, key: kms.IKey) -> s3.Bucket:
    """Always kept: CloudFormation cannot delete a bucket with locked versions, and nobody should want it to."""
    access = s3.Bucket(
        scope,
        "AccessLogs",
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(90))],
        removal_policy=RemovalPolicy.RETAIN,
    )
    bucket = s3.Bucket(
        scope,
        "Dumps",
        versioned=True,
        object_lock_default_retention=s3.ObjectLockRetention.governance(Duration.days(stage.dump_lock_days)),
        encryption=s3.BucketEncryption.KMS,
        encryption_key=key,
        bucket_key_enabled=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        server_access_logs_bucket=access,
        server_access_logs_prefix="dumps/",
        lifecycle_rules=_lifecycle(stage),
        removal_policy=RemovalPolicy.RETAIN,
    )
    if stage.copy_region:
        _copy_elsewhere(scope, bucket, stage=stage, key=key)
    return bucket


def _lifecycle(stage: Stage) -> list[s3.LifecycleRule]:
    archive = s3.Transition(
        storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, transition_after=Duration.days(90)
    )
    return [
        s3.LifecycleRule(
            expiration=Duration.days(stage.dump_expire_days),
            noncurrent_version_expiration=Duration.days(30),
            abort_incomplete_multipart_upload_after=Duration.days(7),
            transitions=[archive] if stage.dump_expire_days > 90 else None,
        )
    ]


def _copy_elsewhere(scope: Construct, bucket: s3.Bucket, *, stage: Stage, key: kms.IKey) -> None:
    """To a bucket of the same account whose name docs/aws.md tells how to make; it must exist beforehand."""
    target = f"arn:{Aws.PARTITION}:s3:::{stage.prefix}-copy-{Aws.ACCOUNT_ID}-{stage.copy_region}"
    role = iam.Role(scope, "CopyRole", assumed_by=iam.ServicePrincipal("s3.amazonaws.com"))
    for actions, resource in (
        (["s3:GetReplicationConfiguration", "s3:ListBucket"], bucket.bucket_arn),
        (["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging",
          "s3:GetObjectRetention", "s3:GetObjectLegalHold"], f"{bucket.bucket_arn}/{DUMPS}/*"),
        (["s3:ReplicateObject", "s3:ReplicateTags"], f"{target}/{DUMPS}/*"),
        (["kms:Decrypt"], key.key_arn),
        (["kms:Encrypt", "kms:GenerateDataKey"], stage.copy_key_arn),
    ):  # fmt: skip
        role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
    default = bucket.node.default_child
    assert isinstance(default, s3.CfnBucket)
    default.replication_configuration = s3.CfnBucket.ReplicationConfigurationProperty(
        role=role.role_arn,
        rules=[
            s3.CfnBucket.ReplicationRuleProperty(
                id="copy",
                status="Enabled",
                priority=1,
                filter=s3.CfnBucket.ReplicationRuleFilterProperty(prefix=f"{DUMPS}/"),
                delete_marker_replication=s3.CfnBucket.DeleteMarkerReplicationProperty(status="Disabled"),
                source_selection_criteria=s3.CfnBucket.SourceSelectionCriteriaProperty(
                    sse_kms_encrypted_objects=s3.CfnBucket.SseKmsEncryptedObjectsProperty(status="Enabled")
                ),
                destination=s3.CfnBucket.ReplicationDestinationProperty(
                    bucket=target,
                    storage_class="STANDARD_IA",
                    encryption_configuration=s3.CfnBucket.EncryptionConfigurationProperty(
                        replica_kms_key_id=stage.copy_key_arn
                    ),
                ),
            )
        ],
    )
