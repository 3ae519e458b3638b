"""The services of which a few answers are enough: whose account it is, roles, quotas, addresses, interfaces, alarms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.deploy.simulated.account import Refusal, Standing
from tests.deploy.simulated.rollouts import Tasks

Asked = Mapping[str, Any]


@dataclass
class Alarm:
    name: str
    state: str = "OK"
    is_composite: bool = False
    actions_enabled: bool = True
    reason: str = "Threshold crossed"


class Others:
    def __init__(self, standing: Standing, tasks: Tasks) -> None:
        self.standing, self.tasks = standing, tasks
        self.addresses: dict[str, dict[str, str]] = {}
        self.alarms: dict[str, Alarm] = {}
        self.roles: set[str] = set()
        self.file_systems: dict[str, dict[str, str]] = {}
        # E-mail addresses that are told, and whether each has confirmed it.
        self.subscribers: dict[str, bool] = {}
        self.free_addresses = 200
        self.sessions: list[Asked] = []

    def get_caller_identity(self, asked: Asked) -> dict[str, Any]:
        who = f"arn:aws:iam::{self.standing.account_id}:user/ada"
        return {"Account": self.standing.account_id, "Arn": who, "UserId": "AIDA"}

    def get_role(self, asked: Asked) -> dict[str, Any]:
        if asked["RoleName"] not in self.roles:
            raise Refusal("NoSuchEntity", f"The role with name {asked['RoleName']} cannot be found.", 404)
        return {
            "Role": {
                "Path": "/",
                "RoleName": asked["RoleName"],
                "RoleId": "AROAEXAMPLEEXAMPLE",
                "Arn": f"arn:aws:iam::{self.standing.account_id}:role/{asked['RoleName']}",
                "CreateDate": self.standing.clock.now(),
            }
        }

    def start_session(self, asked: Asked) -> dict[str, Any]:
        self.sessions.append(asked)
        return {"SessionId": "ada-1", "TokenValue": "canary-token", "StreamUrl": "wss://example.org/1"}

    def get_service_quota(self, asked: Asked) -> dict[str, Any]:
        return {
            "Quota": {"ServiceCode": asked["ServiceCode"], "QuotaCode": asked["QuotaCode"], "Value": 100.0}
        }

    def describe_subnets(self, asked: Asked) -> dict[str, Any]:
        free = self.free_addresses
        names = asked.get("SubnetIds", ["subnet-1", "subnet-2"])
        return {"Subnets": [{"SubnetId": each, "AvailableIpAddressCount": free} for each in names]}

    def describe_network_interfaces(self, asked: Asked) -> dict[str, Any]:
        return {
            "NetworkInterfaces": [
                {"NetworkInterfaceId": each, "Status": "in-use", "Description": f"arn:aws:ecs:task/{task}"}
                for task, each in self.tasks.interfaces.items()
            ]
        }

    def describe_addresses(self, asked: Asked) -> dict[str, Any]:
        return {
            "Addresses": [
                {
                    "PublicIp": name,
                    "AllocationId": f"eipalloc-{name.replace('.', '')}",
                    "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
                }
                for name, tags in self.addresses.items()
            ]
        }

    def release_address(self, asked: Asked) -> dict[str, Any]:
        name = next(
            each for each in self.addresses if f"eipalloc-{each.replace('.', '')}" == asked["AllocationId"]
        )
        del self.addresses[name]
        return {}

    def describe_file_systems(self, asked: Asked) -> dict[str, Any]:
        return {
            "FileSystems": [
                {
                    "OwnerId": self.standing.account_id,
                    "CreationToken": name,
                    "FileSystemId": name,
                    "CreationTime": self.standing.clock.now(),
                    "LifeCycleState": "available",
                    "NumberOfMountTargets": 0,
                    "SizeInBytes": {"Value": 6144},
                    "PerformanceMode": "generalPurpose",
                    "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
                }
                for name, tags in self.file_systems.items()
            ]
        }

    def delete_file_system(self, asked: Asked) -> dict[str, Any]:
        del self.file_systems[asked["FileSystemId"]]
        return {}

    def list_subscriptions_by_topic(self, asked: Asked) -> dict[str, Any]:
        arn = self.standing.arn("sns", "topic:subscription")
        return {
            "Subscriptions": [
                {
                    "SubscriptionArn": arn if confirmed else "PendingConfirmation",
                    "Protocol": "email",
                    "Endpoint": address,
                    "TopicArn": asked["TopicArn"],
                }
                for address, confirmed in self.subscribers.items()
            ]
        }

    def describe_alarms(self, asked: Asked) -> dict[str, Any]:
        names, start = asked.get("AlarmNames"), asked.get("AlarmNamePrefix", "")
        state, kinds = asked.get("StateValue"), asked.get("AlarmTypes", ["MetricAlarm"])
        found = [
            each
            for each in self.alarms.values()
            if (not names or each.name in names)
            and each.name.startswith(start)
            and state in (None, each.state)
        ]
        return {
            "MetricAlarms": [
                _alarm(each) for each in found if not each.is_composite and "MetricAlarm" in kinds
            ],
            "CompositeAlarms": [
                _alarm(each) for each in found if each.is_composite and "CompositeAlarm" in kinds
            ],
        }

    def ring(self, name: str, *, after_seconds: float) -> None:
        self.standing.clock.after(after_seconds, lambda: setattr(self.alarms[name], "state", "ALARM"))

    def disable_alarm_actions(self, asked: Asked) -> dict[str, Any]:
        for name in asked["AlarmNames"]:
            self.alarms[name].actions_enabled = False
        return {}

    def enable_alarm_actions(self, asked: Asked) -> dict[str, Any]:
        for name in asked["AlarmNames"]:
            self.alarms[name].actions_enabled = True
        return {}

    def get_metric_data(self, asked: Asked) -> dict[str, Any]:
        return {
            "MetricDataResults": [
                {"Id": each["Id"], "Timestamps": [], "Values": [], "StatusCode": "Complete"}
                for each in asked["MetricDataQueries"]
            ]
        }

    def put_metric_data(self, asked: Asked) -> dict[str, Any]:
        return {}

    def get_metric_statistics(self, asked: Asked) -> dict[str, Any]:
        return {"Label": asked["MetricName"], "Datapoints": []}


def _alarm(each: Alarm) -> dict[str, Any]:
    return {
        "AlarmName": each.name,
        "StateValue": each.state,
        "StateReason": each.reason,
        "ActionsEnabled": each.actions_enabled,
    }
