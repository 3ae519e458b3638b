"""Everything of a stage that stands in the account, found by its name and not by its stacks, and what it costs a month.

It looks and changes nothing. After a destroy there are no stacks left to ask, so what was left behind is found in the
same way as what stands: an inventory before and one after can be compared line by line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from deploy import buckets
from deploy.cloud import Cloud
from deploy.cost import CENT, Prices
from deploy.errors import NotPermitted
from stacks.settings import Stage

GIB = Decimal(1024**3)
LOG_FOLDERS = ("", "/aws/rds/instance/", "/aws/rds/cluster/", "/aws/ecs/containerinsights/")
STAGE_TAG, STACK_TAG = "holdfast:stage", "aws:cloudformation:stack-name"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Thing:
    """`usd` is for a month at list prices; `removal` is the command that ends it; `detail` is for a person."""

    kind: str
    name: str
    usd: Decimal = Decimal("0.00")
    detail: str = ""
    removal: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" + (f" ({self.detail})" if self.detail else "")


def fetch(cloud: Cloud, stage: Stage, prices: Prices) -> tuple[Thing, ...]:
    """Stacks first; then what may stand without one, which is also what is paid for."""
    found = [
        *_stacks(cloud, stage),
        *_databases(cloud, stage, prices),
        *_snapshots(cloud, stage, prices),
        *_buckets(cloud, stage, prices),
        *_keys(cloud, stage, prices),
        *_log_groups(cloud, stage, prices),
        *_repositories(cloud, stage, prices),
        *_addresses(cloud, stage, prices),
        *_file_systems(cloud, stage, prices),
    ]
    return tuple(found)


def total(things: tuple[Thing, ...]) -> Decimal:
    return sum((each.usd for each in things), Decimal(0))


def is_of(stage: Stage, name: str) -> bool:
    """`holdfast-dev-data-...` and `holdfast-dev/desk` are of dev, `holdfast-devel` is not."""
    return name == stage.prefix or name.startswith((f"{stage.prefix}-", f"{stage.prefix}/"))


def _stacks(cloud: Cloud, stage: Stage) -> Iterator[Thing]:
    for each in cloud.pages("cloudformation", "DescribeStacks", "Stacks"):
        if is_of(stage, each["StackName"]) and each["StackStatus"] != "DELETE_COMPLETE":
            yield Thing(kind="stack", name=each["StackName"], detail=each["StackStatus"])


# --- the database ---------------------------------------------------------------------------------------------------


def _databases(cloud: Cloud, stage: Stage, prices: Prices) -> Iterator[Thing]:
    """Reckoned by their storage alone: while they stand their stack says what they cost."""
    price = prices.usd["rds_gp3_gb_month"]
    for each in cloud.pages("rds", "DescribeDBInstances", "DBInstances"):
        name = each["DBInstanceIdentifier"]
        if is_of(stage, name):
            yield Thing(
                kind="database",
                name=name,
                usd=_money(price * each.get("AllocatedStorage", 0)),
                detail=each["DBInstanceStatus"],
                removal=f"aws rds delete-db-instance --db-instance-identifier {name} --skip-final-snapshot",
            )
    for each in cloud.pages("rds", "DescribeDBClusters", "DBClusters"):
        name = each["DBClusterIdentifier"]
        if is_of(stage, name):
            removal = f"aws rds delete-db-cluster --db-cluster-identifier {name} --skip-final-snapshot"
            yield Thing(kind="database cluster", name=name, detail=each["Status"], removal=removal)


def _snapshots(cloud: Cloud, stage: Stage, prices: Prices) -> Iterator[Thing]:
    """By the size of the database: RDS stores less, and does not say how much. Automatic ones go with their database,
    unless they were kept beyond it."""
    price = prices.usd["rds_backup_gb_month"]
    for each in cloud.pages("rds", "DescribeDBSnapshots", "DBSnapshots", SnapshotType="manual"):
        if is_of(stage, each["DBInstanceIdentifier"]):
            name, size = each["DBSnapshotIdentifier"], each["AllocatedStorage"]
            yield Thing(
                kind="snapshot",
                name=name,
                usd=_money(price * size),
                detail=f"{each['Status']}, at most {size} GB",
                removal=f"aws rds delete-db-snapshot --db-snapshot-identifier {name}",
            )
    for each in cloud.pages("rds", "DescribeDBClusterSnapshots", "DBClusterSnapshots", SnapshotType="manual"):
        if is_of(stage, each["DBClusterIdentifier"]):
            name, size = each["DBClusterSnapshotIdentifier"], each.get("AllocatedStorage", 0)
            yield Thing(
                kind="cluster snapshot",
                name=name,
                usd=_money(price * size),
                detail=f"{each['Status']}, at most {size} GB",
                removal=f"aws rds delete-db-cluster-snapshot --db-cluster-snapshot-identifier {name}",
            )
    for each in cloud.pages("rds", "DescribeDBInstanceAutomatedBackups", "DBInstanceAutomatedBackups"):
        if is_of(stage, each["DBInstanceIdentifier"]) and each["Status"] == "retained":
            resource = each["DbiResourceId"]
            days = each.get("BackupRetentionPeriod", 0)
            yield Thing(
                kind="automated backups",
                name=resource,
                usd=_money(price * each.get("AllocatedStorage", 0)),
                detail=f"of {each['DBInstanceIdentifier']}, they end by themselves within {days} days",
                removal=f"aws rds delete-db-instance-automated-backup --dbi-resource-id {resource}",
            )


# --- what is kept ---------------------------------------------------------------------------------------------------


def _buckets(cloud: Cloud, stage: Stage, prices: Prices) -> Iterator[Thing]:
    for each in cloud.pages("s3", "ListBuckets", "Buckets", Prefix=f"{stage.prefix}-"):
        name = each["Name"]
        if name == buckets.state_bucket(stage.name, cloud):
            # It grows with every word that is written down about it, so its size is left out.
            detail = "lock, receipts and leftovers: the deployer's own memory"
            removal = f"delete every version in it, then aws s3 rb s3://{name}"
            yield Thing(kind="bucket", name=name, detail=detail, removal=removal)
            continue
        sizes = [
            row.get("Size", 0) for row in cloud.pages("s3", "ListObjectVersions", "Versions", Bucket=name)
        ]
        yield Thing(
            kind="bucket",
            name=name,
            usd=_money(prices.usd["s3_gb_month"] * sum(sizes) / GIB),
            detail=f"{len(sizes)} version(s), {sum(sizes)} bytes",
            removal=f"make destroy STAGE={stage.name} PURGE=yes CONFIRM=purge-{stage.prefix}",
        )


def _describe_keys(cloud: Cloud) -> list[Mapping[str, Any]]:
    """Those that can be looked at. Where none can, it is our permission that is missing, not a key's."""
    found, refused = [], None
    for each in cloud.pages("kms", "ListKeys", "Keys"):
        try:
            found.append(cloud.call("kms", "DescribeKey", KeyId=each["KeyId"])["KeyMetadata"])
        except NotPermitted as fault:
            # A key whose policy lets nobody look is not one of ours: those let the account look.
            refused = fault
    if refused is not None and not found:
        raise refused
    return found


def _keys(cloud: Cloud, stage: Stage, prices: Prices) -> Iterator[Thing]:
    """An alias goes with its stack; what is left of a key's name is its description."""
    for found in _describe_keys(cloud):
        ours = found.get("Description", "").startswith(f"{stage.prefix}:")
        if ours and found.get("KeyManager", "CUSTOMER") == "CUSTOMER":
            dying = found["KeyState"] == "PendingDeletion"
            yield Thing(
                kind="key",
                name=found["KeyId"],
                usd=Decimal("0.00") if dying else _money(prices.usd["kms_key_month"]),
                detail="will be deleted" if dying else "without it nothing that it protects can be read",
                removal=f"aws kms schedule-key-deletion --key-id {found['KeyId']} --pending-window-in-days 30",
            )


def _log_groups(cloud: Cloud, stage: Stage, prices: Prices) -> Iterator[Thing]:
    for folder in LOG_FOLDERS:
        start = folder + stage.prefix
        for each in cloud.pages("logs", "DescribeLogGroups", "logGroups", logGroupNamePrefix=start):
            name, size = each["logGroupName"], each.get("storedBytes", 0)
            if is_of(stage, name.removeprefix(folder)):
                days = each.get("retentionInDays")
                yield Thing(
                    kind="log group",
                    name=name,
                    usd=_money(prices.usd["logs_stored_gb_month"] * size / GIB),
                    detail=f"{size} bytes, " + (f"each line for {days} days" if days else "kept for ever"),
                    removal=f"aws logs delete-log-group --log-group-name {name}",
                )


def _repositories(cloud: Cloud, stage: Stage, prices: Prices) -> Iterator[Thing]:
    for each in cloud.pages("ecr", "DescribeRepositories", "repositories"):
        name = each["repositoryName"]
        if not is_of(stage, name):
            continue
        sizes = [
            row.get("imageSizeInBytes", 0)
            for row in cloud.pages("ecr", "DescribeImages", "imageDetails", repositoryName=name)
        ]
        yield Thing(
            kind="registry",
            name=name,
            usd=_money(prices.usd["ecr_gb_month"] * sum(sizes) / GIB),
            detail=f"{len(sizes)} image(s), {sum(sizes)} bytes",
            removal=f"aws ecr delete-repository --force --repository-name {name}",
        )


def _addresses(cloud: Cloud, stage: Stage, prices: Prices) -> Iterator[Thing]:
    for each in cloud.call("ec2", "DescribeAddresses").get("Addresses", ()):
        if _is_tagged(stage, each.get("Tags", ())):
            yield Thing(
                kind="address",
                name=each["PublicIp"],
                usd=_money(prices.usd["public_ipv4_hour"] * prices.hours),
                detail="on the allow-list of the exchange keys, perhaps; it does not come back",
                removal=f"aws ec2 release-address --allocation-id {each['AllocationId']}",
            )


def _file_systems(cloud: Cloud, stage: Stage, prices: Prices) -> Iterator[Thing]:
    for each in cloud.pages("efs", "DescribeFileSystems", "FileSystems"):
        if _is_tagged(stage, each.get("Tags", ())):
            name, size = each["FileSystemId"], each["SizeInBytes"]["Value"]
            yield Thing(
                kind="file system",
                name=name,
                usd=_money(prices.usd["efs_gb_month"] * size / GIB),
                detail=f"the durable spool, {size} bytes",
                removal=f"aws efs delete-file-system --file-system-id {name}",
            )


def _is_tagged(stage: Stage, tags: Any) -> bool:
    said: Mapping[str, str] = {each["Key"]: each["Value"] for each in tags}
    return said.get(STAGE_TAG) == stage.name or is_of(stage, said.get(STACK_TAG, ""))


def _money(usd: Decimal) -> Decimal:
    return usd.quantize(CENT)
