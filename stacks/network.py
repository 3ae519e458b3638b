"""The network: two zones, isolated subnets for the database, one way out, and no way in.

It owns every security group and every rule between them, so that who may speak to whom is read in one file. Nothing
here has a rule that lets in an address; the only rules inward are from one group of ours to another.
"""

from dataclasses import dataclass

from aws_cdk import CfnOutput, CfnTag, Fn, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.settings import Stage

PUBLIC, DESKS, DATABASE = "public", "desks", "database"
NFS_PORT = 2049
EVERYWHERE = "0.0.0.0/0"

# A small machine that passes packets on. It keeps no state worth a backup; its address is the elastic one.
NAT_INSTANCE_CLASS = "t4g.nano"
NAT_SCRIPT = """\
#!/bin/bash
set -euo pipefail
dnf install -y nftables
echo 'net.ipv4.ip_forward = 1' > /etc/sysctl.d/90-forward.conf
sysctl -p /etc/sysctl.d/90-forward.conf
cat > /etc/sysconfig/nftables.conf <<'RULES'
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr CIDR ip daddr != CIDR masquerade
  }
}
RULES
systemctl enable --now nftables
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """The security groups, named after who stands in them."""

    tasks: ec2.SecurityGroup
    database: ec2.SecurityGroup
    spool: ec2.SecurityGroup


class NetworkStack(Stack):
    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage, **stack: object) -> None:
        super().__init__(scope, construct_id, **stack)  # type: ignore[arg-type]
        self.stage = stage
        self.vpc = self._open_vpc()
        self.groups = self._make_groups()
        self._add_flow_log()
        self._add_endpoints()
        self.gateways: list[ec2.CfnNatGateway] = []
        self.elastic_addresses = self._lead_out()
        addresses = [each.attr_public_ip for each in self.elastic_addresses]
        CfnOutput(
            self,
            "EgressAddresses",
            value=Fn.join(",", addresses) if addresses else "changes-with-every-task",
            description="What to write on the allow-list of the exchange keys",
        )
        CfnOutput(self, "DeskSubnets", value=Fn.join(",", [each.subnet_id for each in self.desk_subnets]))
        CfnOutput(self, "TaskSecurityGroup", value=self.groups.tasks.security_group_id)

    @property
    def assigns_public_addresses(self) -> bool:
        return self.stage.egress == "public-ip"

    @property
    def desk_subnets(self) -> list[ec2.ISubnet]:
        group = PUBLIC if self.assigns_public_addresses else DESKS
        return self.vpc.select_subnets(subnet_group_name=group).subnets

    @property
    def database_subnets(self) -> list[ec2.ISubnet]:
        return self.vpc.select_subnets(subnet_group_name=DATABASE).subnets

    def _open_vpc(self) -> ec2.Vpc:
        kinds = [(PUBLIC, ec2.SubnetType.PUBLIC), (DATABASE, ec2.SubnetType.PRIVATE_ISOLATED)]
        if not self.assigns_public_addresses:
            # Isolated for CDK; their one route out is added below, so that each egress is written out here.
            kinds.append((DESKS, ec2.SubnetType.PRIVATE_ISOLATED))
        return ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(self.stage.cidr),
            max_azs=2,
            nat_gateways=0,
            # This convenience is a function with rights on the account; nothing of ours uses the default group.
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name=name,
                    subnet_type=kind,
                    cidr_mask=24,
                    map_public_ip_on_launch=False if kind == ec2.SubnetType.PUBLIC else None,
                )
                for name, kind in kinds
            ],
        )

    def _group(self, name: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(self, name, vpc=self.vpc, description=description, allow_all_outbound=False)

    def _make_groups(self) -> Groups:
        tasks = self._group("Tasks", "Holdfast tasks: nothing comes in, venues and AWS go out")
        database = self._group("Database", "The ledger: the tasks come in, nothing goes out")
        spool = self._group("Spool", "Files that outlive a task: the tasks come in, nothing goes out")
        for port in sorted({443, *self.stage.venue_ports}):
            tasks.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(port), "Venues and AWS over TLS")
        self._let(tasks, database, self.stage.database_port, "PostgreSQL")
        if self.stage.keeps_files:
            self._let(tasks, spool, NFS_PORT, "Files over NFS")
        return Groups(tasks=tasks, database=database, spool=spool)

    @staticmethod
    def _let(source: ec2.SecurityGroup, target: ec2.SecurityGroup, port: int, what: str) -> None:
        source.add_egress_rule(target, ec2.Port.tcp(port), what)
        target.add_ingress_rule(source, ec2.Port.tcp(port), what)

    def _add_flow_log(self) -> None:
        group = logs.LogGroup(
            self,
            "FlowLogGroup",
            retention=logs.RetentionDays.THREE_MONTHS
            if self.stage.protected
            else logs.RetentionDays.ONE_WEEK,
            removal_policy=RemovalPolicy.RETAIN if self.stage.protected else RemovalPolicy.DESTROY,
        )
        self.vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(group),
            traffic_type=ec2.FlowLogTrafficType.ALL
            if self.stage.flow_log_all
            else ec2.FlowLogTrafficType.REJECT,
        )

    def _add_endpoints(self) -> None:
        self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        if not self.stage.interface_endpoints:
            return
        group = self._group("Endpoints", "AWS inside the network: the tasks come in, nothing goes out")
        self._let(self.groups.tasks, group, 443, "AWS inside the network")
        for name in self.stage.interface_endpoints:
            self.vpc.add_interface_endpoint(
                "Endpoint" + name.title().replace(".", ""),
                service=ec2.InterfaceVpcEndpointAwsService(name),
                subnets=ec2.SubnetSelection(subnets=self.database_subnets),
                security_groups=[group],
                open=False,
            )

    # --- the way out ------------------------------------------------------------------------------------------------

    def _lead_out(self) -> list[ec2.CfnEIP]:
        match self.stage.egress:
            case "nat-gateway":
                return self._lead_through_gateways()
            case "nat-instance":
                return [self._lead_through_instance()]
            case _:
                return []

    def _elastic_address(self, number: int) -> ec2.CfnEIP:
        address = ec2.CfnEIP(self, f"EgressAddress{number}", domain="vpc")
        if self.stage.protected:
            # The exchange keys are tied to it: a new address would lock the desks out of their venue.
            address.apply_removal_policy(RemovalPolicy.RETAIN)
        return address

    def _lead_through_gateways(self) -> list[ec2.CfnEIP]:
        addresses = []
        for number, public in enumerate(self.vpc.public_subnets[: self.stage.nat_count], start=1):
            address = self._elastic_address(number)
            gateway = ec2.CfnNatGateway(
                self, f"Nat{number}", subnet_id=public.subnet_id, allocation_id=address.attr_allocation_id
            )
            gateway.node.add_dependency(self.vpc.internet_connectivity_established)
            addresses.append(address)
            self.gateways.append(gateway)
        for number, subnet in enumerate(self.desk_subnets):
            gateway = self.gateways[number % len(self.gateways)]
            self._route(subnet, ec2.RouterType.NAT_GATEWAY, gateway.ref)
        return addresses

    def _lead_through_instance(self) -> ec2.CfnEIP:
        group = self._group("NatInstance", "Passes packets of the tasks on to the venues")
        for port in sorted({443, *self.stage.venue_ports}):
            self._let(self.groups.tasks, group, port, "On their way to a venue")
            group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(port), "To the venues and AWS")
        image = ec2.MachineImage.latest_amazon_linux2023(cpu_type=ec2.AmazonLinuxCpuType.ARM_64)
        instance = ec2.CfnInstance(
            self,
            "Nat",
            instance_type=NAT_INSTANCE_CLASS,
            image_id=image.get_image(self).image_id,
            subnet_id=self.vpc.public_subnets[0].subnet_id,
            security_group_ids=[group.security_group_id],
            source_dest_check=False,
            monitoring=True,
            disable_api_termination=True,
            metadata_options=ec2.CfnInstance.MetadataOptionsProperty(http_tokens="required"),
            block_device_mappings=[
                ec2.CfnInstance.BlockDeviceMappingProperty(
                    device_name="/dev/xvda",
                    ebs=ec2.CfnInstance.EbsProperty(encrypted=True, volume_type="gp3", volume_size=8),
                )
            ],
            user_data=Fn.base64(NAT_SCRIPT.replace("CIDR", self.stage.cidr)),
            tags=[CfnTag(key="Name", value=f"{self.stage.prefix}-nat")],
        )
        address = self._elastic_address(1)
        ec2.CfnEIPAssociation(
            self, "NatAddress", allocation_id=address.attr_allocation_id, instance_id=instance.ref
        )
        for subnet in self.desk_subnets:
            self._route(subnet, ec2.RouterType.INSTANCE, instance.ref)
        return address

    @staticmethod
    def _route(subnet: ec2.ISubnet, kind: ec2.RouterType, router: str) -> None:
        assert isinstance(subnet, ec2.Subnet)
        subnet.add_route(
            "Egress",
            router_type=kind,
            router_id=router,
            destination_cidr_block=EVERYWHERE,
            enables_internet_connectivity=True,
        )
