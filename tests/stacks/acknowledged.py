"""What cdk-nag's AwsSolutions rules find and we leave, each with its reason; a test refuses one more or one less."""

from collections.abc import Mapping

# A prefix of the finding's name, which ends in the name of an export where it has one.
EVERYWHERE: Mapping[str, str] = {
    "AwsSolutions-ECS2": "plain settings are no secrets, and a test proves that none is; keys come from a secret",
    "AwsSolutions-IAM5[Resource::*]": "ecr:GetAuthorizationToken knows no resource; a test lets nothing else have it",
}
ACKNOWLEDGED: Mapping[str, Mapping[str, str]] = {
    "prod": {
        **EVERYWHERE,
        "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole]":
            "the policy that RDS documents for its monitoring; ours would have the same star in it",
    },
    "dev": {
        **EVERYWHERE,
        "AwsSolutions-RDS3": "dev has no standby: half the price, and minutes without a ledger are what dev risks",
        "AwsSolutions-ECS4": "Container Insights would cost a third of dev's database; the heartbeat rings without",
    },
}  # fmt: skip
# What a switch brings that neither stage has by itself.
BY_SWITCH: Mapping[str, Mapping[str, str]] = {
    "copied": {
        "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::holdfast-prod-copy-":
            "the copies, under one prefix of one bucket in the other region, which stands outside of these stacks",
    },
}  # fmt: skip
FINDINGS_MAX = 4
