"""What must be true of the templates whatever they look like: nothing open, nothing lost, nothing twice."""

import json
import re
from typing import Any

import pytest

from tests.stacks.rig import (
    VARIANTS,
    every_resource,
    manifest,
    only,
    properties,
    resources,
    templates,
    text_of,
)

EVERYWHERE = ("0.0.0.0/0", "::/0")
REMEMBERS = (
    "AWS::RDS::DBInstance",
    "AWS::RDS::DBCluster",
    "AWS::S3::Bucket",
    "AWS::KMS::Key",
    "AWS::EFS::FileSystem",
)
STAGES = ("dev", "prod")
SECRET_NAMES = ("KEY", "SECRET", "PASSPHRASE", "PASSWORD", "TOKEN")
every_variant = pytest.mark.parametrize("variant", VARIANTS)
both_stages = pytest.mark.parametrize("stage", STAGES)


def as_text(variant: str) -> str:
    return json.dumps(templates(variant))


# --- nothing that runs, nothing to upload, nothing secret -----------------------------------------------------------


@every_variant
@pytest.mark.parametrize(
    "word",
    [
        "AWS::Lambda",
        "Custom::",
        "AWS::CloudFormation::CustomResource",
        "AssetParameters",
        "cdk-hnb659fds",
        "BootstrapVersion",
        "AWS::CDK::Metadata",
        "aws:cdk:path",
    ],
)
def test_templates__hold_no_function_custom_resource_asset_or_bootstrap(variant: str, word: str) -> None:
    assert word not in as_text(variant)


@every_variant
def test_templates__hold_no_secret(variant: str) -> None:
    text = as_text(variant)
    assert "{{resolve:" not in text
    assert '"MasterUserPassword"' not in text
    assert "AWS::SecretsManager::Secret" not in text
    assert "SecretString" not in text
    for task in properties(variant, "AWS::ECS::TaskDefinition"):
        for container in task["ContainerDefinitions"]:
            for each in container.get("Environment", ()):
                # Where a secret is may be said, as a reference to it; what it is may not.
                # What opens a simulated account opens nothing else; a test holds it against the simulator's own.
                if each["Name"].endswith(SECRET_NAMES) and not text_of(each["Value"]).startswith("paper-"):
                    assert each["Value"] == "" or text_of(each["Value"]).endswith("SecretSecretArn}"), each


@every_variant
def test_templates__are_small_enough_for_one_call(variant: str) -> None:
    for stack, template in templates(variant).items():
        assert len(json.dumps(template, separators=(",", ":"))) < 51_200, stack


# --- the network ----------------------------------------------------------------------------------------------------


@every_variant
def test_security_groups__let_in_no_address(variant: str) -> None:
    inline = [
        rule
        for each in properties(variant, "AWS::EC2::SecurityGroup")
        for rule in each.get("SecurityGroupIngress", ())
    ]
    rules = inline + properties(variant, "AWS::EC2::SecurityGroupIngress")
    assert rules
    for rule in rules:
        assert "SourceSecurityGroupId" in rule, rule
        assert not {"CidrIp", "CidrIpv6"} & set(rule), rule


@every_variant
def test_security_groups__let_out_only_tls_and_what_is_ours(variant: str) -> None:
    for each in properties(variant, "AWS::EC2::SecurityGroup"):
        for rule in each.get("SecurityGroupEgress", ()):
            nowhere = rule.get("CidrIp") == "255.255.255.255/32"
            assert nowhere or (rule["CidrIp"], rule["FromPort"], rule["ToPort"]) == ("0.0.0.0/0", 443, 443), (
                rule
            )


@every_variant
def test_database__has_no_way_out_and_no_public_address(variant: str) -> None:
    assert all(each["PubliclyAccessible"] is False for each in properties(variant, "AWS::RDS::DBInstance"))
    isolated = {
        text_of(each["RouteTableId"])
        for each in properties(variant, "AWS::EC2::SubnetRouteTableAssociation")
        if "database" in text_of(each["SubnetId"])
    }
    routed = {text_of(each["RouteTableId"]) for each in properties(variant, "AWS::EC2::Route")}
    assert isolated
    assert not isolated & routed


@pytest.mark.parametrize(
    ("variant", "public", "addresses"),
    [
        ("dev", "ENABLED", 0),
        ("nat-instance", "DISABLED", 1),
        ("prod", "DISABLED", 1),
        ("endpoints", "DISABLED", 2),
    ],
)
def test_egress__is_what_the_stage_says(variant: str, public: str, addresses: int) -> None:
    for service in properties(variant, "AWS::ECS::Service"):
        assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == public
    assert len(resources(variant, "AWS::EC2::EIP")) == addresses
    assert not any(each["MapPublicIpOnLaunch"] for each in properties(variant, "AWS::EC2::Subnet"))


def test_egress__an_address_on_an_allow_list_outlives_the_stack() -> None:
    assert all(each["DeletionPolicy"] == "Retain" for each in resources("prod", "AWS::EC2::EIP"))


@every_variant
def test_network__spans_two_zones_with_a_free_way_to_s3(variant: str) -> None:
    zones = {text_of(each["AvailabilityZone"]) for each in properties(variant, "AWS::EC2::Subnet")}
    assert len(zones) == 2
    kinds = [each.get("VpcEndpointType") for each in properties(variant, "AWS::EC2::VPCEndpoint")]
    assert kinds.count("Gateway") == 1


@both_stages
def test_flow_log__tells_what_was_refused_and_in_prod_everything(stage: str) -> None:
    log = only(properties(stage, "AWS::EC2::FlowLog"))
    assert log["TrafficType"] == {"dev": "REJECT", "prod": "ALL"}[stage]


# --- what remembers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", [name for name, each in VARIANTS.items() if each["stage"] == "prod"])
def test_prod__keeps_everything_that_remembers(variant: str) -> None:
    for stack, name, body in every_resource(variant):
        if body["Type"] in REMEMBERS:
            policies = (body.get("DeletionPolicy"), body.get("UpdateReplacePolicy"))
            assert policies == ("Retain", "Retain"), f"{stack}/{name}"


def test_dev__leaves_a_snapshot_of_the_database_and_keeps_key_and_dumps() -> None:
    assert only(resources("dev", "AWS::RDS::DBInstance"))["DeletionPolicy"] == "Snapshot"
    assert only(resources("aurora", "AWS::RDS::DBCluster"))["DeletionPolicy"] == "Snapshot"
    for kind in ("AWS::S3::Bucket", "AWS::KMS::Key"):
        assert all(each["DeletionPolicy"] == "Retain" for each in resources("dev", kind))


@every_variant
def test_database__is_encrypted_protected_and_entered_by_token(variant: str) -> None:
    kind = "AWS::RDS::DBCluster" if variant.startswith("aurora") else "AWS::RDS::DBInstance"
    database = only(properties(variant, kind))
    assert database["StorageEncrypted"] is True
    assert database["DeletionProtection"] is True
    assert database["EnableIAMDatabaseAuthentication"] is True
    assert database["ManageMasterUserPassword"] is True
    assert "KmsKeyId" in database["MasterUserSecret"]
    assert database["EngineLifecycleSupport"] == "open-source-rds-extended-support-disabled"
    assert database["CopyTagsToSnapshot"] is True
    assert str(database["Port"]) != "5432"
    assert all(
        each["CACertificateIdentifier"] == "rds-ca-rsa2048-g1"
        for each in properties(variant, "AWS::RDS::DBInstance")
    )


@every_variant
def test_database__refuses_plain_connections_and_waits_for_nothing_for_ever(variant: str) -> None:
    kind = "ClusterParameterGroup" if variant.startswith("aurora") else "ParameterGroup"
    parameters = only(properties(variant, f"AWS::RDS::DB{kind}"))["Parameters"]
    assert parameters["rds.force_ssl"] == "1"
    assert int(parameters["log_min_duration_statement"]) > 0
    assert all(
        int(parameters[name]) > 0 for name in ("statement_timeout", "idle_in_transaction_session_timeout")
    )
    assert parameters.get("synchronous_commit", "on") == "on"
    assert parameters.get("fsync", "1") == "1"


def test_database__of_prod_has_a_standby_and_35_days_to_go_back_to() -> None:
    database = only(properties("prod", "AWS::RDS::DBInstance"))
    assert (database["MultiAZ"], database["BackupRetentionPeriod"]) == (True, 35)
    assert database["DeleteAutomatedBackups"] is False
    assert (database["MonitoringInterval"], database["EnablePerformanceInsights"]) == (60, True)


@every_variant
def test_buckets__are_closed_encrypted_and_speak_tls_only(variant: str) -> None:
    for bucket in properties(variant, "AWS::S3::Bucket"):
        assert all(bucket["PublicAccessBlockConfiguration"].values())
        assert bucket["BucketEncryption"]
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    for policy in properties(variant, "AWS::S3::BucketPolicy"):
        denied = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
        assert any(each["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} for each in denied)


@pytest.mark.parametrize(("stage", "days"), [("dev", 1), ("prod", 30)])
def test_dumps__are_versioned_locked_and_logged(stage: str, days: int) -> None:
    dumps = only([each for each in properties(stage, "AWS::S3::Bucket") if "ObjectLockConfiguration" in each])
    rule = dumps["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert rule == {"Mode": "GOVERNANCE", "Days": days}
    assert dumps["VersioningConfiguration"] == {"Status": "Enabled"}
    encryption = dumps["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert "LoggingConfiguration" in dumps
    assert dumps["LifecycleConfiguration"]["Rules"][0]["AbortIncompleteMultipartUpload"]


def test_copies__go_to_another_region_only_where_the_stage_says_so() -> None:
    assert not any("ReplicationConfiguration" in each for each in properties("prod", "AWS::S3::Bucket"))
    assert sum("ReplicationConfiguration" in each for each in properties("copied", "AWS::S3::Bucket")) == 1
    assert (
        only(properties("copied", "AWS::RDS::DBInstance"))["AutomaticBackupReplicationRegion"] == "eu-west-1"
    )


NAMED_BY = (
    "LogGroupName",
    "BucketName",
    "DBInstanceIdentifier",
    "DBClusterIdentifier",
    "RepositoryName",
    "Name",
)


@every_variant
def test_what_is_kept__cannot_be_in_the_way_of_the_next_deploy(variant: str) -> None:
    """A name is taken as long as its holder is there, and a destroy leaves it there."""
    for stack, name, body in every_resource(variant):
        if body.get("DeletionPolicy", "Delete") == "Retain":
            for given in (body.get("Properties", {}).get(each) for each in NAMED_BY):
                refers = given is None or list(given) == ["Ref"]
                assert refers or "AWS::StackId" in json.dumps(given), f"{stack}/{name}"


def test_log_of_the_database__ends_like_every_other() -> None:
    for variant, kind in (("prod", "instance"), ("aurora-prod", "cluster")):
        stack = templates(variant)["Data"]["Resources"]
        ((name, group),) = [(n, r) for n, r in stack.items() if r["Type"] == "AWS::Logs::LogGroup"]
        server = only([r for r in stack.values() if "EnableCloudwatchLogsExports" in r.get("Properties", {})])
        called = server["Properties"]["DBInstanceIdentifier" if kind == "instance" else "DBClusterIdentifier"]
        said = text_of(group["Properties"]["LogGroupName"])
        assert said == f"/aws/rds/{kind}/{text_of(called)}/postgresql"
        assert group["Properties"]["RetentionInDays"] == 365
        assert name in server["DependsOn"], (
            "RDS makes the group itself if it comes first, and keeps it for ever"
        )
    assert not [
        r for r in properties("dev", "AWS::Logs::LogGroup") if "rds" in text_of(r.get("LogGroupName", ""))
    ]


@every_variant
def test_key__turns_by_itself(variant: str) -> None:
    assert only(properties(variant, "AWS::KMS::Key"))["EnableKeyRotation"] is True


@every_variant
def test_logs_topics_and_images__are_encrypted_and_logs_end(variant: str) -> None:
    for stack, name, body in every_resource(variant):
        found = body.get("Properties", {})
        match body["Type"]:
            case "AWS::Logs::LogGroup":
                assert found["RetentionInDays"] > 0, name
                # The network's log stands before the key does.
                assert "KmsKeyId" in found or stack == "Network", name
            case "AWS::SNS::Topic":
                assert "KmsMasterKeyId" in found, name
            case "AWS::ECR::Repository":
                assert found["ImageTagMutability"] == "IMMUTABLE"
                assert found["ImageScanningConfiguration"] == {"ScanOnPush": True}
            case "AWS::EFS::FileSystem":
                assert found["Encrypted"] is True


# --- what runs ------------------------------------------------------------------------------------------------------


@every_variant
def test_services__stop_before_they_start_and_never_run_twice(variant: str) -> None:
    services = properties(variant, "AWS::ECS::Service")
    assert len(services) == (2 if variant in ("two-desks", "shown") else 1)
    for service in services:
        deployment = service["DeploymentConfiguration"]
        assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (0, 100)
        assert service["AvailabilityZoneRebalancing"] == "DISABLED"
        assert deployment["DeploymentCircuitBreaker"] == {
            "Enable": True,
            "Rollback": True,
            "ResetOnHealthyTask": False,
            "ThresholdConfiguration": {"Type": "COUNT", "Value": 3},
        }
        # Nobody gets into a desk; into the API's task comes what carries its port to whoever may look.
        shows = "${ApiTask}" in text_of(service["TaskDefinition"])
        assert service["EnableExecuteCommand"] is shows


@every_variant
def test_services__stand_at_zero_until_a_deploy_says_otherwise(variant: str) -> None:
    parameters = templates(variant)["Bot"]["Parameters"]
    for service in properties(variant, "AWS::ECS::Service"):
        count = parameters[service["DesiredCount"]["Ref"]]
        assert (count["Default"], count["MinValue"], count["MaxValue"]) == (0, 0, 1)


@every_variant
def test_tasks__are_hardened_and_named_by_digest(variant: str) -> None:
    tasks = properties(variant, "AWS::ECS::TaskDefinition")
    assert len(tasks) == (6 if variant in ("two-desks", "shown") else 5)
    for task in tasks:
        assert task["RuntimePlatform"]["CpuArchitecture"] == "ARM64"
        for container in task["ContainerDefinitions"]:
            assert container["ReadonlyRootFilesystem"] is True
            assert container["Privileged"] is False
            assert container["User"].partition(":")[0] not in ("", "0", "root")
            assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
            assert container["StopTimeout"] == 120
            assert re.search(r"@\$\{ImageDigest(Desk\w+|Api)?\}$", text_of(container["Image"]))
            assert container["LogConfiguration"]["LogDriver"] == "awslogs"
            assert container["LogConfiguration"]["Options"]["mode"] == "non-blocking"
    images = [
        parameter
        for stack in ("Tasks", "Bot")
        for name, parameter in templates(variant)[stack]["Parameters"].items()
        if name.startswith("ImageDigest")
    ]
    # One for the tasks, which change together, and one for each desk, which roll one after the other.
    assert len(images) == 1 + len(properties(variant, "AWS::ECS::Service"))
    assert {each["AllowedPattern"] for each in images} == {"^sha256:[0-9a-f]{64}$"}
    assert not any("Default" in each for each in images)


@both_stages
def test_desk__is_healthy_only_by_its_own_word(stage: str) -> None:
    desks = [
        container
        for task in properties(stage, "AWS::ECS::TaskDefinition")
        for container in task["ContainerDefinitions"]
        if container["Name"] == "desk"
    ]
    assert only(desks)["HealthCheck"]["Command"] == ["CMD", "python", "-m", "runtime.health"]


@both_stages
def test_schedules__start_backup_and_drill_and_never_a_migration(stage: str) -> None:
    targets = [
        text_of(each["Target"]["EcsParameters"]["TaskDefinitionArn"])
        for each in properties(stage, "AWS::Scheduler::Schedule")
    ]
    assert sorted(targets) == ["${BackupTask}", "${DrillTask}", "${RetentionTask}"]


def test_spool__outlives_its_task_only_where_the_stage_pays_for_it() -> None:
    def durable(variant: str) -> list[dict[str, Any]]:
        return [
            volume["EFSVolumeConfiguration"]
            for task in properties(variant, "AWS::ECS::TaskDefinition")
            for volume in task["Volumes"]
            if "EFSVolumeConfiguration" in volume and volume["Name"] == "spool"
        ]

    assert durable("dev") == []
    found = only(durable("durable-spool"))
    assert found["TransitEncryption"] == "ENABLED"
    assert found["AuthorizationConfig"]["IAM"] == "ENABLED"


@both_stages
def test_stacks__of_prod_cannot_be_deleted_by_mistake(stage: str) -> None:
    stacks = [
        each for each in manifest(stage)["artifacts"].values() if each["type"] == "aws:cloudformation:stack"
    ]
    assert len(stacks) == 7
    assert all(each["properties"].get("terminationProtection", False) is (stage == "prod") for each in stacks)
