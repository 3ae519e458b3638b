"""Folders that outlive their task: the spool of who wants its observations through any loss of a machine, and the books
of the simulated venue beside a paper desk, without which each deploy would find a venue that knows no order of ours.

One file system, which a task mounts through an access point: its own folder, as one user, and by its role alone.
"""

from collections.abc import Mapping

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.network import NetworkStack
from stacks.settings import Stage

OWNER = "1000"
SPOOL = "spool"


def make_folders(
    scope: Construct, *, stage: Stage, network: NetworkStack, key: kms.IKey, role: iam.Role
) -> Mapping[str, efs.AccessPoint]:
    """The spool's folder under its name, if there is one, and each simulated venue's under the name of its desk."""
    if not stage.keeps_files:
        return {}
    files = efs.FileSystem(
        scope,
        "Spool",
        vpc=network.vpc,
        vpc_subnets=ec2.SubnetSelection(subnets=network.database_subnets),
        security_group=network.groups.spool,
        encrypted=True,
        kms_key=key,
        enable_automatic_backups=stage.durable_spool,
        removal_policy=RemovalPolicy.RETAIN if stage.protected else RemovalPolicy.DESTROY,
    )
    folders = {SPOOL: _add_folder(files, "Desks", "/desks")} if stage.durable_spool else {}
    for desk in stage.desks:
        if desk.simulated:
            folders[desk.name] = _add_folder(files, f"Venue-{desk.name}", f"/venues/{desk.name}")
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
            resources=[files.file_system_arn],
            conditions={
                "StringEquals": {
                    "elasticfilesystem:AccessPointArn": [each.access_point_arn for each in folders.values()]
                }
            },
        )
    )
    return folders


def _add_folder(files: efs.FileSystem, name: str, path: str) -> efs.AccessPoint:
    return files.add_access_point(
        name,
        path=path,
        create_acl=efs.Acl(owner_uid=OWNER, owner_gid=OWNER, permissions="0700"),
        posix_user=efs.PosixUser(uid=OWNER, gid=OWNER),
    )
