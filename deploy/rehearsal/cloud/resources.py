"""Types of CloudFormation that the simulation lacks or only records, for what our templates use.

Each is made by calls of the public API where the simulation has such a call, so that a describe shows what a template
made. They run on threads of their own and may wait, as CloudFormation waits for a service to be steady.
"""

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deploy.rehearsal.cloud import calls
from deploy.rehearsal.cloud.definitions import spell_as_api
from deploy.rehearsal.cloud.ecs import Ecs
from deploy.rehearsal.cloud.neighbours import Neighbours, text_of
from deploy.rehearsal.cloud.services import Keeper

Properties = dict[str, Any]
Made = tuple[str, dict[str, str]]

SUFFIX_LETTERS = string.ascii_uppercase + string.digits
SUFFIX_LENGTH = 12
# CloudFormation gives up on a service after three hours; its own circuit breaker was faster long before.
STEADY_SECONDS_MAX = 900.0


class Failed(ValueError):
    """Resource handler returned message: "{said}" """


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    create: Callable[[str, Properties, str], Made]
    delete: Callable[[str, Properties], None]
    update: Callable[[str, Properties, Properties, str], Made] | None = None


def physical_name(stack: str, logical_id: str) -> str:
    suffix = "".join(secrets.choice(SUFFIX_LETTERS) for _ in range(SUFFIX_LENGTH))
    return f"{stack}-{logical_id}-{suffix}"


# --- the network ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Network:
    neighbours: Neighbours

    def _ask(self, operation: str, **form: object) -> Any:
        given = {key.replace("__", "."): str(value) for key, value in form.items() if value is not None}
        return self.neighbours.query("ec2", operation, given)

    def log_flows(self, _: str, given: Properties, __: str) -> Made:
        answer = self._ask(
            "CreateFlowLogs",
            ResourceId__1=given["ResourceId"],
            ResourceType=given["ResourceType"],
            TrafficType=given["TrafficType"],
            LogDestinationType=given.get("LogDestinationType"),
            LogGroupName=given.get("LogGroupName"),
            DeliverLogsPermissionArn=given.get("DeliverLogsPermissionArn"),
        )
        made = text_of(answer.find("flowLogIdSet"), "item")
        return made, {"Id": made}

    def allocate_address(self, _: str, given: Properties, __: str) -> Made:
        answer = self._ask("AllocateAddress", Domain=given.get("Domain"))
        address, allocation = text_of(answer, "publicIp"), text_of(answer, "allocationId")
        return address, {"PublicIp": address, "AllocationId": allocation}

    def release_address(self, address: str, _: Properties) -> None:
        found = self._ask("DescribeAddresses", PublicIp__1=address)
        self._ask("ReleaseAddress", AllocationId=text_of(found, "allocationId"))

    def make_gateway(self, _: str, given: Properties, __: str) -> Made:
        answer = self._ask("CreateNatGateway", SubnetId=given["SubnetId"], AllocationId=given["AllocationId"])
        made = text_of(answer, "natGatewayId")
        return made, {"NatGatewayId": made}

    def rule(self, direction: str, peer: str) -> Type:
        """A rule of a security group that is a resource of its own."""

        def form(given: Properties) -> dict[str, object]:
            return {
                "GroupId": given["GroupId"],
                "IpPermissions__1__IpProtocol": given["IpProtocol"],
                "IpPermissions__1__FromPort": given["FromPort"],
                "IpPermissions__1__ToPort": given["ToPort"],
                "IpPermissions__1__Groups__1__GroupId": given[peer],
            }

        def create(_: str, given: Properties, __: str) -> Made:
            self._ask(f"AuthorizeSecurityGroup{direction}", **form(given))
            made = f"sgr-{secrets.token_hex(8)}"
            return made, {"Id": made}

        def delete(_: str, given: Properties) -> None:
            self._ask(f"RevokeSecurityGroup{direction}", **form(given))

        return Type(create=create, delete=delete)

    def types(self) -> dict[str, Type]:
        return {
            "AWS::EC2::FlowLog": Type(
                create=self.log_flows, delete=lambda made, _: self._ask("DeleteFlowLogs", FlowLogId__1=made)
            ),
            "AWS::EC2::EIP": Type(create=self.allocate_address, delete=self.release_address),
            "AWS::EC2::NatGateway": Type(
                create=self.make_gateway,
                delete=lambda made, _: self._ask("DeleteNatGateway", NatGatewayId=made),
            ),
            "AWS::EC2::SecurityGroupIngress": self.rule("Ingress", "SourceSecurityGroupId"),
            "AWS::EC2::SecurityGroupEgress": self.rule("Egress", "DestinationSecurityGroupId"),
        }


# --- alarms and events ----------------------------------------------------------------------------------------------


def composite_alarm(neighbours: Neighbours, alarm_arn: Callable[[str], str]) -> Type:
    def put(name: str, given: Properties) -> Made:
        form = {"AlarmName": name, "AlarmRule": given["AlarmRule"]}
        form["AlarmDescription"] = given.get("AlarmDescription", "")
        for key in ("AlarmActions", "OKActions"):
            form |= {f"{key}.member.{n}": arn for n, arn in enumerate(given.get(key, []), start=1)}
        neighbours.query("monitoring", "PutCompositeAlarm", form)
        return name, {"Arn": alarm_arn(name)}

    def delete(name: str, _: Properties) -> None:
        neighbours.query("monitoring", "DeleteAlarms", {"AlarmNames.member.1": name})

    return Type(
        create=lambda logical_id, given, stack: put(
            given.get("AlarmName") or physical_name(stack, logical_id), given
        ),
        update=lambda name, _, given, __: put(name, given),
        delete=delete,
    )


def recorded_only() -> Type:
    """What has no effect that a rehearsal could show, such as who is told of RDS's events."""
    return Type(
        create=lambda logical_id, _, stack: (physical_name(stack, logical_id).lower(), {}),
        update=lambda made, _, __, ___: (made, {}),
        delete=lambda _, __: None,
    )


# --- what runs ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Running:
    ecs: Ecs

    def _ask(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        status, answer = calls.answer(self.ecs, operation, given)
        if status != 200:
            raise Failed(f'Resource handler returned message: "{answer["message"]}" ({answer["__type"]})')
        return answer

    def make_cluster(self, logical_id: str, given: Properties, stack: str) -> Made:
        name = given.get("ClusterName") or physical_name(stack, logical_id)
        settings, tags = spell_as_api(given.get("ClusterSettings", [])), spell_as_api(given.get("Tags", []))
        made = self._ask("CreateCluster", {"clusterName": name, "settings": settings, "tags": tags})
        return name, {"Arn": made["cluster"]["clusterArn"]}

    def change_cluster(self, name: str, _: Properties, given: Properties, __: str) -> Made:
        cluster = self.ecs.clusters[name]
        cluster.document["settings"] = spell_as_api(given.get("ClusterSettings", []))
        return name, {"Arn": cluster.arn}

    def define(self, logical_id: str, given: Properties, stack: str) -> Made:
        document = {"family": physical_name(stack, logical_id), **spell_as_api(given)}
        arn = self._ask("RegisterTaskDefinition", document)["taskDefinition"]["taskDefinitionArn"]
        return arn, {"TaskDefinitionArn": arn}

    def redefine(self, arn: str, before: Properties, given: Properties, stack: str) -> Made:
        """Any change is the next revision; a changed tag is none."""
        same = {key: value for key, value in given.items() if key != "Tags"}
        if same == {key: value for key, value in before.items() if key != "Tags"}:
            return arn, {"TaskDefinitionArn": arn}
        return self.define(arn, given, stack)

    def make_service(self, logical_id: str, given: Properties, stack: str) -> Made:
        name = given.get("ServiceName") or physical_name(stack, logical_id)
        self._ask("CreateService", {"serviceName": name, **_service_request(given)})
        return self._steady(given["Cluster"], name)

    def change_service(self, arn: str, _: Properties, given: Properties, __: str) -> Made:
        name = arn.rpartition("/")[2]
        self._ask("UpdateService", {"service": name, **_service_request(given)})
        return self._steady(given["Cluster"], name)

    def delete_service(self, arn: str, given: Properties) -> None:
        name = {"cluster": given["Cluster"], "service": arn.rpartition("/")[2]}
        with self.ecs.changed:
            service = self.ecs.service(name)
            self._ask("DeleteService", {**name, "force": True})
            self.ecs.changed.wait_for(lambda: not service.live, STEADY_SECONDS_MAX)
            service.status = "INACTIVE"

    def _steady(self, cluster: str, name: str) -> Made:
        """Waits for the deployment that this change began; a change of the count alone began none."""
        with self.ecs.changed:
            service = self.ecs.service({"cluster": cluster, "service": name})
            deployment = service.current
            self.ecs.changed.wait_for(
                lambda: service.is_steady or deployment.has_ended and deployment.status != "SUCCESSFUL",
                STEADY_SECONDS_MAX,
            )
            self._refuse_unsteady(service)
        return service.arn, {"ServiceArn": service.arn, "Name": service.name}

    def _refuse_unsteady(self, service: Keeper) -> None:
        if service.current.is_broken:
            said = "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'."
        elif service.current.status != "SUCCESSFUL":
            said = f"Error occurred during operation 'ECS Deployment ended {service.current.status}'."
        else:
            return
        raise Failed(
            f'Resource handler returned message: "{said}" (HandlerErrorCode: GeneralServiceException)'
        )

    def types(self) -> dict[str, Type]:
        return {
            "AWS::ECS::Cluster": Type(
                create=self.make_cluster,
                update=self.change_cluster,
                delete=lambda name, _: _drop(self._ask("DeleteCluster", {"cluster": name})),
            ),
            "AWS::ECS::TaskDefinition": Type(
                create=self.define,
                update=self.redefine,
                delete=lambda arn, _: _drop(self._ask("DeregisterTaskDefinition", {"taskDefinition": arn})),
            ),
            "AWS::ECS::Service": Type(
                create=self.make_service, update=self.change_service, delete=self.delete_service
            ),
        }


def _service_request(given: Properties) -> dict[str, Any]:
    request: dict[str, Any] = spell_as_api(given)
    # A template passes a parameter on as text.
    request["desiredCount"] = int(request.get("desiredCount", 1))
    request.pop("serviceName", None)
    return request


def _drop(_: object) -> None:
    """An answer that nobody needs."""
