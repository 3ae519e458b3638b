"""What a stage costs in a month, from its synthesised templates and a dated table of prices. It asks nobody.

Fixed lines come from what stands in the template; usage lines from assumptions that are printed beside them. A type of
resource that is not known is listed by name and never counted as nothing. Over the limit the exit code is 1.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from deploy import earlier, errors
from stacks.settings import STAGES, read_stage

PRICES = Path(__file__).with_name("prices.json")
DAYS_FRESH_MAX = 180
CENT = Decimal("0.01")

# Types that cost nothing by themselves.
FREE_TYPES = frozenset(
    f"AWS::{name}"
    for name in """
    EC2::VPC EC2::Subnet EC2::RouteTable EC2::SubnetRouteTableAssociation EC2::Route EC2::InternetGateway
    EC2::VPCGatewayAttachment EC2::SecurityGroup EC2::SecurityGroupIngress EC2::SecurityGroupEgress EC2::EIPAssociation
    IAM::Role IAM::Policy KMS::Alias RDS::DBSubnetGroup RDS::DBParameterGroup RDS::DBClusterParameterGroup
    RDS::EventSubscription S3::BucketPolicy SNS::Topic SNS::TopicPolicy SNS::Subscription Events::Rule
    ECS::TaskDefinition Logs::LogGroup EFS::MountTarget EFS::AccessPoint
    """.split()
)

# AWS bills the hours in which a metric was sent, and these are sent when there is something to say.
RARE_METRICS = frozenset(
    """
    LeaseLost FencedWrites ObservationsDropped SpoolCorrupt SavesFailed ChecksumFailures NotificationsDropped
    ShutdownSeconds ApiFaults MigrationsFailed BackupAgeHours CaDaysLeft DrillAgeDays RetentionLeft
    DeployInProgress
    """.split()
)


@dataclass(frozen=True, slots=True)
class Resource:
    stack: str
    name: str
    type: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """An amount of something that has a price; `assumed` names the usage it rests on, or nothing."""

    what: str
    price: str
    amount: Decimal
    assumed: str = ""


@dataclass(frozen=True, slots=True)
class Priced:
    line: Line
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Estimate:
    fixed: tuple[Priced, ...]
    usage: tuple[Priced, ...]
    unknown: tuple[str, ...]

    @property
    def total(self) -> Decimal:
        return sum((each.usd for each in (*self.fixed, *self.usage)), Decimal(0))


@dataclass(frozen=True, slots=True)
class Prices:
    as_of: date
    hours: Decimal
    usd: Mapping[str, Decimal]
    free: Mapping[str, Decimal]
    usage: Mapping[str, Decimal]
    says: Mapping[str, str]


def read_prices(path: Path = PRICES) -> Prices:
    table = json.loads(path.read_text("utf-8"))
    return Prices(
        as_of=date.fromisoformat(table["as_of"]),
        hours=Decimal(table["hours_a_month"]),
        usd={name: Decimal(row["usd"]) for name, row in table["prices"].items()},
        free={name: Decimal(amount) for name, amount in table["free"].items()},
        usage={name: Decimal(row["amount"]) for name, row in table["usage"].items()},
        says={name: row["says"] for name, row in table["usage"].items()},
    )


def read_templates(folder: Path) -> dict[str, Any]:
    return {
        path.name.partition(".")[0]: json.loads(path.read_text("utf-8"))
        for path in sorted(folder.glob("*.template.json"))
    }


def resources_of(templates: Mapping[str, Any]) -> list[Resource]:
    return [
        Resource(stack, name, body["Type"], body.get("Properties", {}))
        for stack, template in templates.items()
        for name, body in template.get("Resources", {}).items()
    ]


# --- a type, and the lines that one resource of it makes ------------------------------------------------------------

Rule = Callable[[Resource, Sequence[Resource], Prices], Iterator[Line]]


def _one(price: str, what: str, *, hourly: bool) -> Rule:
    """So much for being there."""

    def lines(_: Resource, __: Sequence[Resource], prices: Prices) -> Iterator[Line]:
        yield Line(what, price, prices.hours if hourly else Decimal(1))

    return lines


def _service(service: Resource, everything: Sequence[Resource], prices: Prices) -> Iterator[Line]:
    task = _referred(service, "TaskDefinition", everything)
    hours = prices.hours * prices.usage["tasks_each"]
    cpu, memory = Decimal(task["Cpu"]) / 1024, Decimal(task["Memory"]) / 1024
    yield Line("desk: processor", "fargate_arm_vcpu_hour", cpu * hours, "tasks_each")
    yield Line("desk: memory", "fargate_arm_gb_hour", memory * hours, "tasks_each")
    network = service.properties["NetworkConfiguration"]["AwsvpcConfiguration"]
    if network.get("AssignPublicIp") == "ENABLED":
        yield Line("desk: public address", "public_ipv4_hour", hours, "tasks_each")
    if any(each.get("Secrets") for each in task["ContainerDefinitions"]):
        yield Line("desk: secret with the venue's keys", "secret_month", Decimal(1), "tasks_each")
    yield Line("desk: logs", "logs_gb", prices.usage["desk_logs_gb"], "desk_logs_gb")


def _referred(resource: Resource, name: str, everything: Sequence[Resource]) -> Mapping[str, Any]:
    target = resource.properties[name]["Ref"]
    return next(each.properties for each in everything if (each.stack, each.name) == (resource.stack, target))


def _schedule(_: Resource, everything: Sequence[Resource], prices: Prices) -> Iterator[Line]:
    """The tasks of the schedules are alike, so the first one stands for each."""
    task = next(each.properties for each in everything if each.type == "AWS::ECS::TaskDefinition")
    hours = prices.usage["task_hours"]
    cpu, memory = Decimal(task["Cpu"]) / 1024, Decimal(task["Memory"]) / 1024
    yield Line("scheduled task: processor", "fargate_arm_vcpu_hour", cpu * hours, "task_hours")
    yield Line("scheduled task: memory", "fargate_arm_gb_hour", memory * hours, "task_hours")


def _database(resource: Resource, everything: Sequence[Resource], prices: Prices) -> Iterator[Line]:
    properties = resource.properties
    if properties["DBInstanceClass"] == "db.serverless":
        cluster = _referred(resource, "DBClusterIdentifier", everything)
        least = Decimal(str(cluster["ServerlessV2ScalingConfiguration"]["MinCapacity"]))
        yield Line("database: capacity at its least", "aurora_acu_hour", least * prices.hours)
        return
    copies = Decimal(2 if properties.get("MultiAZ") else 1)
    storage = Decimal(properties["AllocatedStorage"])
    yield Line("database: instance", properties["DBInstanceClass"], copies * prices.hours)
    yield Line("database: storage", "rds_gp3_gb_month", copies * storage)
    if properties.get("ManageMasterUserPassword"):
        yield Line("database: master secret", "secret_month", Decimal(1))
    if properties.get("EnableCloudwatchLogsExports"):
        yield Line("database: logs", "logs_gb", prices.usage["database_logs_gb"], "database_logs_gb")
    if properties.get("MonitoringInterval"):
        yield Line(
            "database: enhanced monitoring",
            "logs_gb",
            prices.usage["monitoring_logs_gb"],
            "monitoring_logs_gb",
        )
    filled = storage * prices.usage["storage_filled"]
    over = max(Decimal(0), filled * properties["BackupRetentionPeriod"] / 10 - storage)
    yield Line("database: backups over its size", "rds_backup_gb_month", over, "storage_filled")


def _cluster(resource: Resource, _: Sequence[Resource], prices: Prices) -> Iterator[Line]:
    yield Line(
        "database: storage", "aurora_gb_month", Decimal(20) * prices.usage["storage_filled"], "storage_filled"
    )
    if resource.properties.get("ManageMasterUserPassword"):
        yield Line("database: master secret", "secret_month", Decimal(1))


def _bucket(resource: Resource, everything: Sequence[Resource], prices: Prices) -> Iterator[Line]:
    """The bucket of dumps; the one of access logs holds next to nothing and is reckoned with it."""
    if "ObjectLockConfiguration" not in resource.properties:
        return
    sizes = [
        each.properties.get("AllocatedStorage") for each in everything if each.type == "AWS::RDS::DBInstance"
    ]
    storage = Decimal(next((size for size in sizes if size), 20))
    dump = storage * prices.usage["storage_filled"] * prices.usage["dump_share"]
    yield Line("dumps", "s3_gb_month", dump * prices.usage["dumps_kept"], "dumps_kept")


def _instance(resource: Resource, _: Sequence[Resource], prices: Prices) -> Iterator[Line]:
    yield Line("NAT: instance", resource.properties["InstanceType"], prices.hours)
    for each in resource.properties.get("BlockDeviceMappings", ()):
        yield Line("NAT: disk", "ebs_gp3_gb_month", Decimal(each["Ebs"]["VolumeSize"]))


def _gateway(_: Resource, everything: Sequence[Resource], prices: Prices) -> Iterator[Line]:
    gateways = sum(each.type == "AWS::EC2::NatGateway" for each in everything)
    yield Line("NAT: gateway", "nat_gateway_hour", prices.hours)
    yield Line("NAT: traffic", "nat_gateway_gb", prices.usage["nat_gb"] / gateways, "nat_gb")


def _endpoint(resource: Resource, _: Sequence[Resource], prices: Prices) -> Iterator[Line]:
    if resource.properties.get("VpcEndpointType") == "Interface":
        zones = len(resource.properties["SubnetIds"])
        yield Line("interface endpoint", "interface_endpoint_hour", zones * prices.hours)


def _flow_log(resource: Resource, _: Sequence[Resource], prices: Prices) -> Iterator[Line]:
    times = 10 if resource.properties["TrafficType"] == "ALL" else 1
    yield Line("flow log", "logs_gb", times * prices.usage["flow_logs_gb"], "flow_logs_gb")


def _ecs_cluster(resource: Resource, everything: Sequence[Resource], prices: Prices) -> Iterator[Line]:
    values = [each["Value"] for each in resource.properties.get("ClusterSettings", ())]
    if set(values) & {"enabled", "enhanced"}:
        services = sum(each.type == "AWS::ECS::Service" for each in everything)
        yield Line(
            "Container Insights",
            "metric_month",
            services * prices.usage["insights_metrics"],
            "insights_metrics",
        )


def _used(price: str, what: str, usage: str) -> Rule:
    def lines(_: Resource, __: Sequence[Resource], prices: Prices) -> Iterator[Line]:
        yield Line(what, price, prices.usage[usage], usage)

    return lines


RULES: Mapping[str, Rule] = {
    "AWS::ECS::Service": _service,
    "AWS::ECS::Cluster": _ecs_cluster,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::RDS::DBInstance": _database,
    "AWS::RDS::DBCluster": _cluster,
    "AWS::S3::Bucket": _bucket,
    "AWS::EC2::Instance": _instance,
    "AWS::EC2::NatGateway": _gateway,
    "AWS::EC2::EIP": _one("public_ipv4_hour", "NAT: elastic address", hourly=True),
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::EC2::FlowLog": _flow_log,
    "AWS::KMS::Key": _one("kms_key_month", "key", hourly=False),
    "AWS::CloudWatch::Alarm": _one("alarm_month", "alarms", hourly=False),
    "AWS::CloudWatch::CompositeAlarm": _one("composite_alarm_month", "composite alarms", hourly=False),
    "AWS::CloudWatch::Dashboard": _one("dashboard_month", "dashboard", hourly=False),
    "AWS::ECR::Repository": _used("ecr_gb_month", "images", "images_gb"),
    "AWS::EFS::FileSystem": _used("efs_gb_month", "lasting files", "spool_gb"),
}


def _own_metrics(resources: Sequence[Resource], prices: Prices) -> Iterator[Line]:
    """Each name with its dimensions is a metric that is paid for, and what nobody alarms on nobody sends."""
    found = {
        (each.properties["MetricName"], json.dumps(each.properties.get("Dimensions"), sort_keys=True))
        for each in resources
        if each.type == "AWS::CloudWatch::Alarm" and each.properties.get("Namespace") == "Holdfast"
    }
    rare = sum(name in RARE_METRICS for name, _ in found)
    yield Line("metrics of our own", "metric_month", Decimal(len(found) - rare))
    yield Line(
        "metrics that are rarely sent", "metric_month", rare * prices.usage["rare_share"], "rare_share"
    )


# --- the sum --------------------------------------------------------------------------------------------------------


def estimate(templates: Mapping[str, Any], prices: Prices) -> Estimate:
    resources = resources_of(templates)
    lines = list(_own_metrics(resources, prices))
    for each in resources:
        if each.type in RULES:
            lines += RULES[each.type](each, resources, prices)
    unknown = {each.type for each in resources} - RULES.keys() - FREE_TYPES
    priced = _price(_add_alike(lines), prices)
    return Estimate(
        fixed=tuple(each for each in priced if not each.line.assumed),
        usage=tuple(each for each in priced if each.line.assumed),
        unknown=tuple(sorted(unknown)),
    )


def _add_alike(lines: Sequence[Line]) -> list[Line]:
    sums: dict[tuple[str, str, str], Decimal] = {}
    for each in lines:
        key = (each.what, each.price, each.assumed)
        sums[key] = sums.get(key, Decimal(0)) + each.amount
    return [Line(what, price, amount, assumed) for (what, price, assumed), amount in sums.items()]


def _price(lines: Sequence[Line], prices: Prices) -> list[Priced]:
    """What is free every month is taken off the first lines of its kind."""
    left = dict(prices.free)
    priced = []
    for each in lines:
        free = min(each.amount, left.get(each.price, Decimal(0)))
        left[each.price] = left.get(each.price, Decimal(0)) - free
        priced.append(Priced(each, ((each.amount - free) * prices.usd[each.price]).quantize(CENT)))
    return priced


@dataclass(frozen=True, slots=True)
class Difference:
    """What one line costs in the one state and in the other, in USD a month."""

    what: str
    before: Decimal
    after: Decimal

    @property
    def usd(self) -> Decimal:
        return self.after - self.before


def delta(old: Estimate, new: Estimate) -> tuple[Difference, ...]:
    """Every line that costs more or less than before, the largest difference first."""
    sums: dict[str, list[Decimal]] = {}
    for place, found in enumerate((old, new)):
        for each in (*found.fixed, *found.usage):
            sums.setdefault(each.line.what, [Decimal(0), Decimal(0)])[place] += each.usd
    changed = [Difference(what, before, after) for what, (before, after) in sums.items() if before != after]
    return tuple(sorted(changed, key=lambda each: (-abs(each.usd), each.what)))


def render(found: Estimate, prices: Prices, *, today: date, before: Estimate | None = None) -> Iterator[str]:
    for title, lines in (("Fixed by the templates", found.fixed), ("By usage, as assumed", found.usage)):
        yield f"{title}:"
        for each in sorted(lines, key=lambda each: -each.usd):
            why = f"  ({prices.says[each.line.assumed]})" if each.line.assumed else ""
            yield f"  {each.usd:>8} {each.line.what}{why}"
    yield f"Total: {found.total} USD a month, list prices of us-east-1 as of {prices.as_of}, before tax."
    if before is not None:
        yield f"Before: {before.total} USD; the difference is {found.total - before.total:+} USD."
        for changed in delta(before, found):
            yield f"  {changed.usd:>+8} {changed.what} ({changed.before} before)"
    if (today - prices.as_of).days > DAYS_FRESH_MAX:
        yield f"The prices are older than {DAYS_FRESH_MAX} days: look at deploy/prices.json."
    for name in found.unknown:
        yield f"NOT COUNTED, because no price is known: {name}"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.cost", description="What a stage costs in a month."
    )
    parser.add_argument("--stage", choices=sorted(STAGES), default="dev")
    parser.add_argument("--templates", type=Path, help="folder of the templates (default: cdk.out/STAGE)")
    parser.add_argument(
        "--against", help="say the difference to other templates: a folder of them, or a git ref"
    )
    parser.add_argument("--limit", type=Decimal, help="USD a month (default: the stage's cost_usd_max)")
    args = parser.parse_args(argv)
    folder = args.templates or Path("cdk.out", args.stage)
    templates, prices = read_templates(folder), read_prices()
    if not templates:
        print(f"There are no templates in {folder}: run `make synth STAGE={args.stage}`.", file=sys.stderr)
        return 1
    found = estimate(templates, prices)
    try:
        before = _estimate_against(args.against, args.stage, prices) if args.against else None
    except errors.DeployError as fault:
        print(fault, file=sys.stderr)
        return fault.exit_code
    print("\n".join(render(found, prices, today=datetime.now(UTC).date(), before=before)))
    limit = args.limit if args.limit is not None else Decimal(read_stage(args.stage).cost_usd_max)
    if found.total > limit:
        print(f"That is over the limit of {limit} USD a month.", file=sys.stderr)
        return 1
    return 0


def _estimate_against(against: str, stage: str, prices: Prices) -> Estimate:
    with earlier.templates_of(against, stage) as folder:
        templates = read_templates(folder)
    if not templates:
        raise errors.BadUsage(detail=f"There are no templates in {against}.")
    return estimate(templates, prices)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
