"""What a resource of a template becomes: its name, its attributes, what stands in its service, and what deletes it.

Types that no scenario looks at are a name and nothing else. A resource that remembers obeys its own deletion policy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.deploy.simulated.account import Standing
from tests.deploy.simulated.buckets import Bucket
from tests.deploy.simulated.ecr import Registry, Repository
from tests.deploy.simulated.ecs import Containers
from tests.deploy.simulated.kms import Key, Keys
from tests.deploy.simulated.logs import Group
from tests.deploy.simulated.others import Alarm, Others
from tests.deploy.simulated.rds import Databases
from tests.deploy.simulated.rollouts import Definition, Deployment, Desk, Part
from tests.deploy.simulated.s3 import Objects
from tests.deploy.simulated.snapshots import Database

# What CloudFormation must make anew when this property changes.
REPLACED_BY = {
    "AWS::RDS::DBInstance": ("StorageEncrypted", "DBName", "Engine", "KmsKeyId", "MasterUsername"),
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::KMS::Key": ("KeySpec",),
    "AWS::ECR::Repository": ("RepositoryName", "EncryptionConfiguration"),
    "AWS::Logs::LogGroup": ("LogGroupName",),
}

ARNS = {
    "AWS::KMS::Key": ("kms", "key/{}"),
    "AWS::S3::Bucket": ("", "arn:aws:s3:::{}"),
    "AWS::Logs::LogGroup": ("logs", "log-group:{}:*"),
    "AWS::ECR::Repository": ("ecr", "repository/{}"),
    "AWS::ECS::Cluster": ("ecs", "cluster/{}"),
    "AWS::IAM::Role": ("", "arn:aws:iam::123456789012:role/{}"),
    "AWS::CloudWatch::Alarm": ("cloudwatch", "alarm:{}"),
    "AWS::CloudWatch::CompositeAlarm": ("cloudwatch", "alarm:{}"),
}


class Undeletable(Exception):
    """The resource cannot be deleted, in the words that the service has for it."""


@dataclass(frozen=True)
class Resource:
    stack: str
    logical: str
    type: str
    physical: str
    properties: dict[str, Any]
    deletion: str
    status: str = "CREATE_COMPLETE"
    is_replaced: bool = field(default=False, compare=False)


class Resources:
    def __init__(
        self,
        standing: Standing,
        *,
        containers: Containers,
        objects: Objects,
        databases: Databases,
        registry: Registry,
        keys: Keys,
        others: Others,
    ) -> None:
        self.standing = standing
        self.containers = containers
        self.objects = objects
        self.databases = databases
        self.logs = containers.logs
        self.registry = registry
        self.keys = keys
        self.others = others
        self._revisions: dict[str, int] = {}

    # --- names and attributes ---------------------------------------------------------------------------------------

    def shape(
        self,
        stack: str,
        logical: str,
        body: Mapping[str, Any],
        properties: dict[str, Any],
        before: Resource | None,
    ) -> Resource:
        kind = body["Type"]
        again = before is not None and not (
            kind == "AWS::ECS::TaskDefinition" and before.properties != properties
        )
        physical = before.physical if before and again else self._name(stack, logical, kind, properties)
        replaced = before is not None and any(
            before.properties.get(each) != properties.get(each) for each in REPLACED_BY.get(kind, ())
        )
        return Resource(
            stack,
            logical,
            kind,
            physical,
            properties,
            body.get("DeletionPolicy", "Delete"),
            is_replaced=replaced,
        )

    def _name(self, stack: str, logical: str, kind: str, properties: Mapping[str, Any]) -> str:
        number = self.standing.number()
        generated = f"{stack}-{logical.lower()}-{number:06d}"
        match kind:
            case "AWS::ECS::TaskDefinition":
                family = properties["Family"]
                self._revisions[family] = self._revisions.get(family, 0) + 1
                return self.standing.arn("ecs", f"task-definition/{family}:{self._revisions[family]}")
            case "AWS::ECS::Service":
                return self.standing.arn("ecs", f"service/cluster/{stack}-{logical}-{number:06d}")
            case "AWS::KMS::Key":
                return f"00000000-0000-0000-0000-{number:012d}"
            case "AWS::EC2::EIP":
                return f"203.0.113.{number % 250}"
            case "AWS::EC2::VPC" | "AWS::EC2::Subnet" | "AWS::EC2::SecurityGroup" | "AWS::EC2::Instance":
                short = {"VPC": "vpc", "Subnet": "subnet", "SecurityGroup": "sg", "Instance": "i"}
                return f"{short[kind.rpartition(':')[2]]}-{number:017x}"
        for key in (
            "DBInstanceIdentifier",
            "DBClusterIdentifier",
            "LogGroupName",
            "AlarmName",
            "DashboardName",
            "AliasName",
            "BucketName",
            "RepositoryName",
        ):
            if isinstance(properties.get(key), str) and kind != "AWS::EC2::FlowLog":
                return str(properties[key])
        return generated

    def ref(self, resource: Resource) -> str:
        return resource.physical

    def attribute(self, resource: Resource, name: str) -> str:
        arn, physical = self.standing.arn, resource.physical
        if name == "Arn":
            service, pattern = ARNS.get(resource.type, ("", "{}"))
            rest = pattern.format(physical)
            return rest if not service else arn(service, rest)
        match name:
            case "Name":
                return physical.rpartition("/")[2]
            case "MasterUserSecret.SecretArn":
                return arn("secretsmanager", f"secret:rds!db-{physical}-AbCdEf")
            case "Endpoint.Address":
                return f"{physical}.example"
            case "DbiResourceId" | "DBClusterResourceId":
                return f"db-{physical.upper()}"
            case "AllocationId":
                return f"eipalloc-{physical.replace('.', '')}"
            case "GroupId" | "PublicIp":
                return physical
            case _:
                return f"{physical}/{name}"

    # --- making -----------------------------------------------------------------------------------------------------

    def put(self, made: Resource, before: Resource | None, tags: dict[str, str]) -> Deployment | None:
        """Makes or changes it. A service that rolls gives back the deployment that its stack waits for."""
        if made.type == "AWS::ECS::Service":
            return self._serve(made, before)
        if before is not None and before.physical == made.physical:
            return None
        self._make(made, tags)
        return None

    def _make(self, made: Resource, tags: dict[str, str]) -> None:
        given, name = made.properties, made.physical
        kind = made.type.removeprefix("AWS::")
        makers: dict[str, Callable[[], object]] = {
            "ECS::TaskDefinition": lambda: self.containers.definitions.update(
                {name: _definition(name, given)}
            ),
            "ECS::Cluster": lambda: self.containers.clusters.add(name),
            "S3::Bucket": lambda: self.objects.buckets.update({name: _bucket(name, given, tags)}),
            "Logs::LogGroup": lambda: self._make_group(name, given, tags),
            "RDS::DBInstance": lambda: self.databases.instances.update({name: _database(name, given, tags)}),
            "RDS::DBCluster": lambda: self.databases.clusters.update({name: _database(name, given, tags)}),
            "ECR::Repository": lambda: self.registry.repositories.update({name: Repository(name, tags)}),
            "KMS::Key": lambda: self.keys.keys.update({name: Key(name, given.get("Description", ""), tags)}),
            "KMS::Alias": lambda: self.keys.aliases.update({name: str(given["TargetKeyId"])}),
            "EC2::EIP": lambda: self.others.addresses.update({name: tags}),
            "CloudWatch::Alarm": lambda: self.others.alarms.update({name: Alarm(name)}),
            "CloudWatch::CompositeAlarm": lambda: self.others.alarms.update(
                {name: Alarm(name, is_composite=True)}
            ),
            "IAM::Role": lambda: self.others.roles.add(name),
            "EFS::FileSystem": lambda: self.others.file_systems.update({name: tags}),
        }
        makers.get(kind, lambda: None)()

    def _make_group(self, name: str, given: Mapping[str, Any], tags: dict[str, str]) -> None:
        """One that stood already was adopted: a change set that may not do that does not come this far."""
        self.logs.groups.setdefault(name, Group(name, given.get("RetentionInDays"), tags))

    def clash(self, made: Resource) -> str:
        """What AWS says to a name that is taken, from an earlier life of the stack, or nothing."""
        if made.type == "AWS::Logs::LogGroup" and made.physical in self.logs.groups:
            return f"Resource of type '{made.type}' with identifier '{made.physical}' already exists."
        return ""

    def _serve(self, made: Resource, before: Resource | None) -> Deployment | None:
        given = made.properties
        definition = self.containers.definitions[given["TaskDefinition"]]
        desired = int(given.get("DesiredCount", 1))
        if before is None:
            name = made.physical.rpartition("/")[2]
            desk = Desk(name, made.physical, definition, self.standing.clock.now(), desired)
            self.containers.desks[name] = desk
            return self.containers.roll(desk, definition)
        desk = self.containers.desks[made.physical.rpartition("/")[2]]
        changed = definition is not desk.definition
        if desk.desired != desired and not changed:
            self.containers.tasks.scale(desk, desired)
        desk.desired = desired
        return self.containers.roll(desk, definition) if changed else None

    def put_back(self, resource: Resource) -> None:
        if resource.type == "AWS::ECS::Service":
            self._serve(resource, resource)

    # --- taking away ------------------------------------------------------------------------------------------------

    def take_away(self, resource: Resource) -> None:
        if resource.deletion in ("Retain", "RetainExceptOnCreate"):
            return
        name = resource.physical
        takers: dict[str, Callable[[], object]] = {
            "RDS::DBInstance": lambda: self._delete_database(resource),
            "S3::Bucket": lambda: self._delete_bucket(name),
            "ECR::Repository": lambda: self._delete_repository(resource),
            "ECS::Service": lambda: self._delete_service(resource),
            "EC2::SecurityGroup": lambda: self._delete_group(resource),
            "ECS::TaskDefinition": lambda: setattr(self.containers.definitions[name], "active", False),
            "ECS::Cluster": lambda: self.containers.clusters.discard(name),
            "Logs::LogGroup": lambda: self.logs.groups.pop(name, None),
            "KMS::Alias": lambda: self.keys.aliases.pop(name, None),
            "EC2::EIP": lambda: self.others.addresses.pop(name, None),
            "CloudWatch::Alarm": lambda: self.others.alarms.pop(name, None),
            "CloudWatch::CompositeAlarm": lambda: self.others.alarms.pop(name, None),
            "IAM::Role": lambda: self.others.roles.discard(name),
            "EFS::FileSystem": lambda: self.others.file_systems.pop(name, None),
        }
        takers.get(resource.type.removeprefix("AWS::"), lambda: None)()

    def _delete_bucket(self, name: str) -> None:
        found = self.objects.buckets.get(name)
        if found and found.versions:
            raise Undeletable("The bucket you tried to delete is not empty. You must delete all versions")
        self.objects.buckets.pop(name, None)

    def _delete_group(self, resource: Resource) -> None:
        if self.containers.tasks.interfaces and resource.logical.startswith("Tasks"):
            raise Undeletable(f"resource {resource.physical} has a dependent object (DependencyViolation)")

    def _delete_database(self, resource: Resource) -> None:
        name = resource.physical
        found = self.databases.instances.get(name)
        if found is None or found.status == "deleting":
            return
        if found.protected:
            raise Undeletable(
                "Cannot delete protected DB Instance, please disable deletion protection and try again."
            )
        if resource.deletion == "Snapshot":
            self.databases.create_db_snapshot(
                {"DBInstanceIdentifier": name, "DBSnapshotIdentifier": f"{resource.stack}-snapshot-{name}"}
            )
        else:
            self.databases.deleted_without_snapshot.append(name)
        self.databases.instances.pop(name)

    def _delete_repository(self, resource: Resource) -> None:
        found = self.registry.repositories[resource.physical]
        if found.images and not resource.properties.get("EmptyOnDelete"):
            raise Undeletable(
                f"The repository with name '{found.name}' cannot be deleted because it still has images"
            )
        del self.registry.repositories[found.name]

    def _delete_service(self, resource: Resource) -> None:
        desk = self.containers.desks.pop(resource.physical.rpartition("/")[2])
        self.containers.tasks.scale(desk, 0)


def _bucket(name: str, given: Mapping[str, Any], tags: dict[str, str]) -> Bucket:
    rule = given.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
    return Bucket(
        name,
        lock_days=int(rule.get("Days", 0)),
        lock_mode=rule.get("Mode", "GOVERNANCE"),
        versioned=given.get("VersioningConfiguration", {}).get("Status") == "Enabled",
        tags=dict(tags),
    )


def _database(name: str, given: Mapping[str, Any], tags: dict[str, str]) -> Database:
    return Database(
        name,
        storage_gb=int(given.get("AllocatedStorage", 20)),
        protected=bool(given.get("DeletionProtection", False)),
        engine=given.get("Engine", "postgres"),
        cluster=str(given.get("DBClusterIdentifier", "")).lower(),
        key=str(given.get("KmsKeyId", "")),
        tags=dict(tags),
    )


def _definition(arn: str, given: Mapping[str, Any]) -> Definition:
    parts = []
    for each in given["ContainerDefinitions"]:
        options = each.get("LogConfiguration", {}).get("Options", {})
        parts.append(
            Part(
                each["Name"],
                each["Image"],
                options.get("awslogs-group", ""),
                options.get("awslogs-stream-prefix", ""),
                each.get("Essential", True),
            )
        )
    return Definition(arn, given["Family"], _camel(given), tuple(parts))


def _camel(value: Any) -> Any:
    """CloudFormation writes ContainerDefinitions where the API writes containerDefinitions."""
    if isinstance(value, dict):
        return {_small(key): _camel(each) for key, each in value.items() if key != "Tags"}
    if isinstance(value, list):
        return [_camel(each) for each in value]
    return value


# What the templates write in capitals of their own.
NAMES = {"EFSVolumeConfiguration": "efsVolumeConfiguration", "FilesystemId": "fileSystemId", "IAM": "iam"}


def _small(key: str) -> str:
    return NAMES.get(key, key[0].lower() + key[1:])
