"""A hardened Fargate task: not root, nothing writable but a few folders, an image named by its digest.

Both the one-off tasks and the services are made of it, so that no task of ours is softer than another. It promises
that the roles it is given are not widened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import CfnParameter, Duration, Size, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.platform import PlatformStack
from stacks.roles import execution_of

USER = "1000:1000"
STOP_SECONDS = 120
SCRATCH = "scratch"
# Volume -> folder; a test of the image reads this line.
WRITABLE = {"spool": "/var/lib/holdfast", "scratch": "/tmp"}
EPHEMERAL_GB_FREE = 20


@dataclass(frozen=True, slots=True)
class SecretFields:
    """A secret that somebody made outside of these stacks, and which of its fields becomes which variable."""

    arn: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What differs from container to container. `command` follows the image's entry point, `python -m runtime`.

    `folders` are the volumes of the task that it may write to, and where; one that a task shares with no other is lost
    with it, unless `lasting` names a folder of the platform's for it.
    """

    kind: str
    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    cpu: int
    memory_mb: int
    secrets: Sequence[SecretFields] = ()
    health_command: tuple[str, ...] = ()
    ephemeral_gb: int = EPHEMERAL_GB_FREE
    folders: Mapping[str, str] = field(default_factory=lambda: WRITABLE)
    lasting: Mapping[str, efs.AccessPoint] = field(default_factory=dict)


def image_digest(stack: Stack, name: str = "") -> CfnParameter:
    """The image by its content: what was tested is what runs, whatever a tag says."""
    return CfnParameter(
        stack,
        f"ImageDigest{camel(name)}",
        description=f"The digest of the image in our registry{f', for {name}' if name else ''}",
        allowed_pattern="^sha256:[0-9a-f]{64}$",
    )


def define_task(
    scope: Construct,
    *,
    platform: PlatformStack,
    digest: CfnParameter,
    container: Container,
    beside: Container | None = None,
) -> ecs.FargateTaskDefinition:
    """`beside` is a second container: the first one starts when it is healthy, and the task ends with either."""
    execution = platform.execution[execution_of(container.kind)]
    containers = [container, *([beside] if beside else [])]
    task = ecs.FargateTaskDefinition(
        scope,
        f"{camel(container.name)}Task",
        family=f"{platform.stage.prefix}-{container.name}",
        cpu=container.cpu,
        memory_limit_mib=container.memory_mb,
        ephemeral_storage_gib=container.ephemeral_gb if container.ephemeral_gb > EPHEMERAL_GB_FREE else None,
        runtime_platform=ecs.RuntimePlatform(
            cpu_architecture=ecs.CpuArchitecture.ARM64,
            operating_system_family=ecs.OperatingSystemFamily.LINUX,
        ),
        # Written out in the platform; what CDK would add on its own is not wanted.
        execution_role=execution.without_policy_updates(),
        task_role=platform.roles[container.kind].without_policy_updates(),
        volumes=_volumes(containers),
    )
    added = [
        _add_container(task, platform=platform, digest=digest, container=each, group=container.kind)
        for each in containers
    ]
    for other in added[1:]:
        added[0].add_container_dependencies(
            ecs.ContainerDependency(container=other, condition=ecs.ContainerDependencyCondition.HEALTHY)
        )
    return task


def _add_container(
    task: ecs.FargateTaskDefinition,
    *,
    platform: PlatformStack,
    digest: CfnParameter,
    container: Container,
    group: str,
) -> ecs.ContainerDefinition:
    hardened = ecs.LinuxParameters(task, f"{camel(container.kind)}Linux", init_process_enabled=True)
    hardened.drop_capabilities(ecs.Capability.ALL)
    added = task.add_container(
        container.kind,
        container_name=container.kind,
        image=ecs.ContainerImage.from_registry(f"{platform.images.repository_uri}@{digest.value_as_string}"),
        command=list(container.command),
        environment=dict(container.environment),
        secrets=_secrets(task, container),
        user=USER,
        readonly_root_filesystem=True,
        privileged=False,
        linux_parameters=hardened,
        stop_timeout=Duration.seconds(STOP_SECONDS),
        health_check=_health(container.health_command),
        logging=_log(platform.logs[group], container.name),
    )
    for name, path in container.folders.items():
        added.add_mount_points(ecs.MountPoint(container_path=path, source_volume=name, read_only=False))
    return added


def _volumes(containers: Sequence[Container]) -> list[ecs.Volume]:
    """Each once, whichever containers write to it."""
    lasting = {name: folder for each in containers for name, folder in each.lasting.items()}
    names = list(dict.fromkeys(name for each in containers for name in each.folders))
    return [ecs.Volume(name=name, efs_volume_configuration=_mount(lasting.get(name))) for name in names]


def _mount(folder: efs.AccessPoint | None) -> ecs.EfsVolumeConfiguration | None:
    if folder is None:
        return None
    return ecs.EfsVolumeConfiguration(
        file_system_id=folder.file_system.file_system_id,
        transit_encryption="ENABLED",
        authorization_config=ecs.AuthorizationConfig(access_point_id=folder.access_point_id, iam="ENABLED"),
    )


def _secrets(scope: Construct, container: Container) -> dict[str, ecs.Secret] | None:
    """We know their addresses, never their content."""
    found = {}
    for number, each in enumerate(container.secrets):
        secret = secretsmanager.Secret.from_secret_complete_arn(scope, f"Secret{number}", each.arn)
        for name, json_key in each.fields.items():
            found[name] = ecs.Secret.from_secrets_manager(secret, json_key)
    return found or None


def _health(command: tuple[str, ...]) -> ecs.HealthCheck | None:
    """Three failures in a row after a start of up to five minutes, which a long recovery may take."""
    if not command:
        return None
    return ecs.HealthCheck(
        command=["CMD", *command],
        interval=Duration.seconds(30),
        timeout=Duration.seconds(10),
        retries=3,
        start_period=Duration.seconds(300),
    )


def _log(group: logs.ILogGroup, name: str) -> ecs.LogDriver:
    """Non-blocking: a log that cannot be delivered must not stop the trading. What is money stands in the ledger."""
    return ecs.LogDrivers.aws_logs(
        stream_prefix=name,
        log_group=group,
        mode=ecs.AwsLogDriverMode.NON_BLOCKING,
        max_buffer_size=Size.mebibytes(4),
    )


def task_roles(platform: PlatformStack, kind: str) -> list[iam.Role]:
    """The roles that whoever starts such a task must be allowed to pass on."""
    return [platform.execution[execution_of(kind)], platform.roles[kind]]


def camel(name: str) -> str:
    return name.title().replace("-", "")
