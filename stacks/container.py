"""A hardened Fargate task: one container, not root, nothing writable but two folders, an image named by its digest.

Both the one-off tasks and the services are made of it, so that no task of ours is softer than another. It promises
that the roles it is given are not widened.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import CfnParameter, Duration, Size, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.platform import PlatformStack

USER = "1000:1000"
STOP_SECONDS = 120
WRITABLE = {"spool": "/var/lib/holdfast", "scratch": "/tmp"}
EPHEMERAL_GB_FREE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What differs from task to task. `command` follows the image's entry point, `python -m runtime`."""

    kind: str
    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    cpu: int
    memory_mb: int
    secret_arn: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    health_command: tuple[str, ...] = ()
    ephemeral_gb: int = EPHEMERAL_GB_FREE


def image_digest(stack: Stack) -> CfnParameter:
    """The image by its content: what was tested is what runs, whatever a tag says."""
    return CfnParameter(
        stack,
        "ImageDigest",
        description="The digest of the image in our registry",
        allowed_pattern="^sha256:[0-9a-f]{64}$",
    )


def define_task(
    scope: Construct, *, platform: PlatformStack, digest: CfnParameter, container: Container
) -> ecs.FargateTaskDefinition:
    execution = platform.execution["desk" if container.kind == "desk" else "task"]
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
        volumes=_volumes(platform.spool if container.kind == "desk" else None),
    )
    added = _add_container(task, platform=platform, digest=digest, container=container)
    added.add_mount_points(
        *(
            ecs.MountPoint(container_path=path, source_volume=name, read_only=False)
            for name, path in WRITABLE.items()
        )
    )
    return task


def _add_container(
    task: ecs.FargateTaskDefinition, *, platform: PlatformStack, digest: CfnParameter, container: Container
) -> ecs.ContainerDefinition:
    hardened = ecs.LinuxParameters(task, "Linux", init_process_enabled=True)
    hardened.drop_capabilities(ecs.Capability.ALL)
    return task.add_container(
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
        logging=_log(platform.logs[container.kind], container.name),
    )


def _volumes(spool: efs.AccessPoint | None) -> list[ecs.Volume]:
    durable = (
        ecs.EfsVolumeConfiguration(
            file_system_id=spool.file_system.file_system_id,
            transit_encryption="ENABLED",
            authorization_config=ecs.AuthorizationConfig(
                access_point_id=spool.access_point_id, iam="ENABLED"
            ),
        )
        if spool
        else None
    )
    return [
        ecs.Volume(name=name, efs_volume_configuration=durable if name == "spool" else None)
        for name in WRITABLE
    ]


def _secrets(scope: Construct, container: Container) -> dict[str, ecs.Secret] | None:
    """Fields of one secret that somebody made outside of these stacks: we know its address, never its content."""
    if not container.secret_arn:
        return None
    secret = secretsmanager.Secret.from_secret_complete_arn(scope, "Keys", container.secret_arn)
    return {
        name: ecs.Secret.from_secrets_manager(secret, json_key)
        for name, json_key in container.secrets.items()
    }


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
    return [platform.execution["desk" if kind == "desk" else "task"], platform.roles[kind]]


def camel(name: str) -> str:
    return name.title().replace("-", "")
