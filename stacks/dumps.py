"""The bucket of dumps: versioned, locked, encrypted, logged, and copied to another region where the stage says so.

It stands in the stack of what remembers, and so do the two who come near it: one writes and cannot read, the other
reads and cannot write. What they may do is the bucket's own rule, which can also say that nobody else writes, whatever
rights he has elsewhere. Nobody here can remove a dump.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.artefacts import ARTEFACTS
from stacks.roles import allow, make_role
from stacks.settings import API, Stage

DUMPS = "pg_dump"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumps:
    """The bucket, and the roles of its writer (backup), its reader (drill) and, if there is an API, who lists it.

    `access_log` says who touched what.
    """

    bucket: s3.Bucket
    access_log: s3.Bucket
    roles: Mapping[str, iam.Role]


def make_dumps(scope: Construct, *, stage: Stage, key: kms.IKey) -> Dumps:
    """Always kept: CloudFormation cannot delete a bucket with locked versions, and nobody should want it to."""
    access = s3.Bucket(
        scope,
        "AccessLogs",
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        versioned=True,
        lifecycle_rules=[
            s3.LifecycleRule(expiration=Duration.days(90), noncurrent_version_expiration=Duration.days(7)),
            s3.LifecycleRule(expired_object_delete_marker=True),
        ],
        removal_policy=RemovalPolicy.RETAIN,
    )
    _admit_log_of_others(access)
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
    kinds = ("backup", "drill", API) if stage.has_api else ("backup", "drill")
    roles = {kind: make_role(scope, kind, prefix=stage.prefix) for kind in kinds}
    _admit(bucket, key, writer=roles["backup"], reader=roles["drill"])
    if API in roles:
        _let(bucket, "ApiReadsManifests", roles[API], ["s3:GetObject"], f"{bucket.bucket_arn}/{DUMPS}/*.json")
        _let(bucket, "ApiLists", roles[API], ["s3:ListBucket"], bucket.bucket_arn)
        allow(roles[API], ["kms:Decrypt"], key.key_arn)
    if stage.copy_region:
        _copy_elsewhere(scope, bucket, stage=stage, key=key)
    return Dumps(bucket=bucket, access_log=access, roles=roles)


def _admit_log_of_others(access: s3.Bucket) -> None:
    """Of the artefacts, whose bucket stands in a later stack: it cannot be named here, its account and prefix can."""
    access.add_to_resource_policy(
        iam.PolicyStatement(
            sid="LogOfArtefacts",
            principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
            actions=["s3:PutObject"],
            resources=[f"{access.bucket_arn}/{ARTEFACTS}/*"],
            conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
        )
    )


def _admit(bucket: s3.Bucket, key: kms.IKey, *, writer: iam.Role, reader: iam.Role) -> None:
    dumps = f"{bucket.bucket_arn}/{DUMPS}/*"
    _let(bucket, "BackupWrites", writer, ["s3:PutObject"], dumps)
    _let(bucket, "DrillReads", reader, ["s3:GetObject"], dumps)
    _let(bucket, "DrillLists", reader, ["s3:ListBucket"], bucket.bucket_arn)
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="NobodyElseWrites",
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["s3:PutObject"],
            resources=[dumps],
            conditions={"ArnNotEquals": {"aws:PrincipalArn": writer.role_arn}},
        )
    )
    allow(writer, ["kms:GenerateDataKey", "kms:Decrypt"], key.key_arn)
    allow(reader, ["kms:Decrypt"], key.key_arn)


def _let(bucket: s3.Bucket, sid: str, role: iam.Role, actions: list[str], resource: str) -> None:
    bucket.add_to_resource_policy(
        iam.PolicyStatement(sid=sid, principals=[role], actions=actions, resources=[resource])
    )


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
    _let(bucket, "CopyAsks", role, ["s3:GetReplicationConfiguration", "s3:ListBucket"], bucket.bucket_arn)
    read = ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging",
            "s3:GetObjectRetention", "s3:GetObjectLegalHold"]  # fmt: skip
    _let(bucket, "CopyReads", role, read, f"{bucket.bucket_arn}/{DUMPS}/*")
    allow(role, ["s3:ReplicateObject", "s3:ReplicateTags"], f"{target}/{DUMPS}/*")
    allow(role, ["kms:Decrypt"], key.key_arn)
    allow(role, ["kms:Encrypt", "kms:GenerateDataKey"], stage.copy_key_arn)
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
