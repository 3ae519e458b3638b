"""Keys and secrets: what protects, and what must be readable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.deploy.simulated.account import Refusal, Standing

Asked = Mapping[str, Any]


@dataclass
class Key:
    id: str
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    state: str = "Enabled"
    # Its own policy lets nobody else look at it.
    is_closed: bool = False


@dataclass
class Secret:
    arn: str
    text: str = '{"key": "k", "secret": "s"}'
    is_readable: bool = True


class Keys:
    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self.keys: dict[str, Key] = {}
        self.aliases: dict[str, str] = {}
        self.secrets: dict[str, Secret] = {}

    def list_keys(self, asked: Asked) -> dict[str, Any]:
        arn = self.standing.arn
        return {"Keys": [{"KeyId": each, "KeyArn": arn("kms", f"key/{each}")} for each in self.keys]}

    def list_aliases(self, asked: Asked) -> dict[str, Any]:
        return {
            "Aliases": [
                {"AliasName": name, "TargetKeyId": target.rpartition("/")[2]}
                for name, target in self.aliases.items()
            ]
        }

    def _key(self, asked: Asked) -> Key:
        wanted: str = asked["KeyId"]
        name = self.aliases.get(wanted, wanted).rpartition("/")[2]
        if name not in self.keys:
            raise Refusal("NotFoundException", f"Key '{name}' does not exist")
        return self.keys[name]

    def describe_key(self, asked: Asked) -> dict[str, Any]:
        found = self._key(asked)
        if found.is_closed:
            who = f"User: arn:aws:iam::{self.standing.account_id}:user/ada"
            raise Refusal("AccessDeniedException", f"{who} is not authorized to perform: kms:DescribeKey")
        return {
            "KeyMetadata": {
                "KeyId": found.id,
                "Arn": self.standing.arn("kms", f"key/{found.id}"),
                "Description": found.description,
                "KeyState": found.state,
                "KeyManager": "CUSTOMER",
            }
        }

    def list_resource_tags(self, asked: Asked) -> dict[str, Any]:
        return {"Tags": [{"TagKey": key, "TagValue": value} for key, value in self._key(asked).tags.items()]}

    def schedule_key_deletion(self, asked: Asked) -> dict[str, Any]:
        found = self._key(asked)
        found.state = "PendingDeletion"
        return {
            "KeyId": found.id,
            "KeyState": found.state,
            "PendingWindowInDays": asked["PendingWindowInDays"],
        }

    def _secret(self, asked: Asked) -> Secret:
        found = self.secrets.get(asked["SecretId"])
        if found is None:
            raise Refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return found

    def describe_secret(self, asked: Asked) -> dict[str, Any]:
        return {"ARN": self._secret(asked).arn, "VersionIdsToStages": {"v" * 32: ["AWSCURRENT"]}}

    def get_secret_value(self, asked: Asked) -> dict[str, Any]:
        found = self._secret(asked)
        if not found.is_readable:
            raise Refusal("AccessDeniedException", "Access to KMS is not allowed")
        return {"ARN": found.arn, "SecretString": found.text}
