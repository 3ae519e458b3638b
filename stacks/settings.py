"""What is different from stage to stage, in one table: dev and prod side by side, each number with its unit.

Pure: `read_stage` takes a stage's name and a mapping of overrides (the CDK context), and returns a frozen value or
raises BadStage with all faults at once. It imports nothing of AWS, so that `deploy/` may read it too.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

EGRESSES = ("public-ip", "nat-instance", "nat-gateway")
ENGINES = ("postgres", "aurora")
ENDPOINTS = ("ecr.api", "ecr.dkr", "logs", "secretsmanager", "monitoring")

# vCPU and GiB of memory, which alarms and costs are reckoned from. A class that is not here is refused, not guessed.
DATABASE_CLASSES: Mapping[str, tuple[int, int]] = {
    "db.t4g.micro": (2, 1),
    "db.t4g.small": (2, 2),
    "db.t4g.medium": (2, 4),
    "db.t4g.large": (2, 8),
    "db.m7g.large": (2, 8),
    "db.m7g.xlarge": (4, 16),
    "db.r7g.large": (2, 16),
}
# What Fargate sells: the memory in MiB that a number of CPU units (1024 are one vCPU) may have.
FARGATE_SIZES: Mapping[int, range] = {
    256: range(512, 2049, 512),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
}
ACU_GIB = 2
# The service beside the desks.
API = "api"
# More would not fit into one composite alarm and one dashboard.
DESKS_MAX = 10

# Ways in which a desk tells people something, beside the alarms.
MESSAGE_WAYS = ("webhook", "telegram")

SCHEDULE = re.compile(r"(cron|rate)\(.+\)")
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
SECRET_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-\w{6}")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
TRUSTED = re.compile(r"[\w.-]+/[\w.-]+|arn:aws[a-z-]*:iam::\d{12}:(role|user)/[\w+=,.@/-]+")
POLICY_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:policy/[\w+=,.@/-]+")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class BadStage(ValueError):
    """The settings of stage {stage} have {count} fault(s): {faults}"""

    def __init__(self, *, stage: str, faults: list[str]) -> None:
        super().__init__(
            f"The settings of stage {stage} have {len(faults)} fault(s): {' '.join(f'{each}.' for each in faults)}"
        )
        self.stage = stage
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One venue account, one ECS service. Which bots trade on it stands in the database, not here."""

    name: str
    account: str
    user: str = "local"
    live: bool = False
    venue_url: str = ""
    keys_secret_arn: str = ""
    has_passphrase: bool = False

    @property
    def simulated(self) -> bool:
        """Paper, and no venue given: a simulated one stands beside it, in its own task."""
        return not self.live and not self.venue_url


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One field for each row of the table; docs/aws.md says what they cost and what they risk."""

    name: str
    account_id: str
    region: str
    protected: bool
    cidr: str
    egress: str
    nat_count: int
    interface_endpoints: tuple[str, ...]
    flow_log_all: bool
    venue_ports: tuple[int, ...]
    engine: str
    database_version: str
    database_class: str
    database_port: int
    database_connections_max: int
    storage_gb: int
    storage_gb_max: int
    multi_az: bool
    acu_min: str
    acu_max: str
    pitr_days: int
    monitoring_seconds: int
    performance_insights: bool
    database_logs: bool
    slow_query_ms: int
    dump_lock_days: int
    dump_expire_days: int
    copy_region: str
    copy_key_arn: str
    desks: tuple[Desk, ...]
    desk_cpu: int
    desk_memory_mb: int
    task_cpu: int
    task_memory_mb: int
    drill_storage_gb: int
    durable_spool: bool
    on_store_loss: str
    container_insights: bool
    log_days: int
    backup_schedule: str
    drill_schedule: str
    retention_schedule: str
    messages_secret_arn: str
    message_ways: tuple[str, ...]
    api_secret_arn: str
    api_jwks_url: str
    api_issuer: str
    api_audience: str
    api_port: int
    composite_alarms: bool
    page_to: tuple[str, ...]
    deployer_trust: str
    deployer_policies: tuple[str, ...]
    cost_usd_max: int

    @property
    def prefix(self) -> str:
        return f"holdfast-{self.name}"

    @property
    def simulates(self) -> bool:
        return any(desk.simulated for desk in self.desks)

    @property
    def has_api(self) -> bool:
        """Where the stage says whose tokens it believes; without that nobody could sign in."""
        return bool(self.api_secret_arn or self.api_jwks_url)

    @property
    def keeps_files(self) -> bool:
        """Whether anything of a task must outlive it."""
        return self.durable_spool or self.simulates


# One of the sample desks, on paper: it trades as soon as it is deployed, and harms nobody.
DEV_DESKS = (Desk(name="first", account="paper-spot"),)
PROD_DESKS = (Desk(name="first", account="paper-spot"),)

# One row, one choice.          dev                       prod
TABLE: Mapping[str, tuple[Any, Any]] = {
    "account_id":               ("",                      ""),                        # guards the deploy if given
    "region":                   ("us-east-1",             "us-east-1"),
    "protected":                (False,                   True),                      # termination, RETAIN
    "cidr":                     ("10.42.0.0/16",          "10.43.0.0/16"),
    "egress":                   ("public-ip",             "nat-gateway"),             # NAT: a stable address
    "nat_count":                (1,                       1),
    "interface_endpoints":      ((),                      ()),
    "flow_log_all":             (False,                   True),                      # else what was refused
    "venue_ports":              ((443,),                  (443,)),
    "engine":                   ("postgres",              "postgres"),                # or aurora
    "database_version":         ("17.6",                  "17.6"),
    "database_class":           ("db.t4g.micro",          "db.t4g.medium"),
    "database_port":            (5433,                    5433),
    "database_connections_max": (60,                      200),
    "storage_gb":               (20,                      50),
    "storage_gb_max":           (40,                      200),
    "multi_az":                 (False,                   True),
    "acu_min":                  ("0.5",                   "0.5"),                     # aurora only
    "acu_max":                  ("2",                     "8"),                       # aurora only
    "pitr_days":                (7,                       35),
    "monitoring_seconds":       (0,                       60),                        # enhanced monitoring; 0: off
    "performance_insights":     (False,                   True),
    "database_logs":            (False,                   True),                      # to CloudWatch
    "slow_query_ms":            (250,                     250),
    "dump_lock_days":           (1,                       30),
    "dump_expire_days":         (30,                      400),
    "copy_region":              ("",                      ""),                        # of dumps and PITR
    "copy_key_arn":             ("",                      ""),                        # a key of that region
    "desks":                    (DEV_DESKS,               PROD_DESKS),
    "desk_cpu":                 (256,                     512),
    "desk_memory_mb":           (512,                     1024),
    "task_cpu":                 (256,                     512),
    "task_memory_mb":           (512,                     1024),
    "drill_storage_gb":         (30,                      100),
    "durable_spool":            (False,                   False),                     # EFS
    "on_store_loss":            ("wait",                  "wait"),                    # or reduce_only, with EFS
    "container_insights":       (False,                   True),
    "log_days":                 (30,                      365),
    "backup_schedule":          ("cron(17 3 * * ? *)",    "cron(17 3 * * ? *)"),      # UTC
    "drill_schedule":           ("cron(47 4 ? * SUN,WED *)", "cron(47 4 ? * SUN,WED *)"),
    "retention_schedule":       ("cron(7 2 * * ? *)",     "cron(7 2 * * ? *)"),
    "messages_secret_arn":      ("",                      ""),                        # of webhook and Telegram
    "message_ways":             ((),                      ()),                        # webhook, telegram
    "api_secret_arn":           ("",                      ""),                        # signs tokens: HS256
    "api_jwks_url":             ("",                      ""),                        # an issuer's keys: RS256
    "api_issuer":               ("holdfast",              "holdfast"),
    "api_audience":             ("holdfast-api",          "holdfast-api"),
    "api_port":                 (8080,                    8080),                      # of its own task alone
    "composite_alarms":         (False,                   True),
    "page_to":                  ((),                      ()),                        # e-mail addresses
    "deployer_trust":           ("",                      ""),                        # owner/repository, or an ARN
    "deployer_policies":        ((),                      ()),                        # ARNs; `make access`
    "cost_usd_max":             (30,                      250),                       # a month; gate of `make cost`
}  # fmt: skip
STAGES: Mapping[str, int] = {"dev": 0, "prod": 1}


def read_stage(name: str, context: Mapping[str, object] | None = None) -> Stage:
    """The stage's column of the table with the context's overrides, checked whole."""
    if name not in STAGES:
        raise BadStage(stage=name, faults=[f"there is no stage {name!r:.40}, only {', '.join(STAGES)}"])
    values: dict[str, Any] = {row: columns[STAGES[name]] for row, columns in TABLE.items()}
    faults = []
    for key, given in (context or {}).items():
        if key in values:
            try:
                values[key] = _parse(values[key], given)
            except (TypeError, ValueError) as fault:
                faults.append(f"{key} {fault}")
        elif key.isidentifier() and key != "stage":
            faults.append(f"{key} is no setting of a stage")
    if not faults:
        stage = Stage(name=name, **values)
        faults = find_faults(stage)
    if faults:
        raise BadStage(stage=name, faults=faults)
    return stage


def _parse(default: object, given: object) -> object:
    """What the command line says as text becomes what the table has in that row."""
    match default:
        case bool():
            return _parse_choice(given)
        case int():
            return int(str(given))
        case str():
            return str(given)
        case tuple() if default and isinstance(default[0], Desk):
            return tuple(_parse_desk(each) for each in _parse_list(given))
        case tuple() if default and isinstance(default[0], int):
            return tuple(int(str(each)) for each in _parse_list(given))
        case _:
            return tuple(str(each) for each in _parse_list(given))


def _parse_choice(given: object) -> bool:
    if str(given).lower() not in ("yes", "no", "true", "false"):
        raise ValueError(f"is {given!r:.40}, not yes or no")
    return str(given).lower() in ("yes", "true")


def _parse_list(given: object) -> list[Any]:
    """A list, its JSON, or words between commas."""
    if isinstance(given, list | tuple):
        return list(given)
    text = str(given).strip()
    found = json.loads(text) if text.startswith("[") else [each for each in text.split(",") if each]
    return list(found)


def _parse_desk(given: object) -> Desk:
    if isinstance(given, Desk):
        return given
    if not isinstance(given, dict):
        raise ValueError(f"is {given!r:.40}, not an object with a name and an account")
    strangers = sorted(set(given) - {each.name for each in fields(Desk)})
    if strangers or not {"name", "account"} <= set(given):
        raise ValueError(f"needs name and account, and knows no {', '.join(strangers) or 'others'}")
    return Desk(**given)


# --- what must be true ----------------------------------------------------------------------------------------------

Check = Callable[[Stage], bool]

# A sentence, and what makes it a fault.
CHECKS: tuple[tuple[str, Check], ...] = (
    ("account_id must be empty or twelve digits", lambda s: not re.fullmatch(r"(\d{12})?", s.account_id)),
    ("region is not the name of a region", lambda s: not REGION.fullmatch(s.region)),
    ("copy_region is not the name of a region", lambda s: bool(s.copy_region) and not REGION.fullmatch(s.copy_region)),
    ("copy_region must be another region", lambda s: s.copy_region == s.region),
    ("copy_key_arn must be the ARN of a key in copy_region, if there is one, and only then",
     lambda s: not _is_key_of(s.copy_region, s.copy_key_arn)),
    ("cidr must be an IPv4 block from /16 to /20", lambda s: not _is_block(s.cidr)),
    (f"egress is none of {', '.join(EGRESSES)}", lambda s: s.egress not in EGRESSES),
    ("nat_count must be 1 or 2", lambda s: s.nat_count not in (1, 2)),
    (f"interface_endpoints knows {', '.join(ENDPOINTS)}", lambda s: not set(s.interface_endpoints) <= set(ENDPOINTS)),
    ("venue_ports must hold ports from 1 to 65535", lambda s: not s.venue_ports or not _are_ports(s.venue_ports)),
    ("on_store_loss must be wait or reduce_only", lambda s: s.on_store_loss not in ("wait", "reduce_only")),
    ("on_store_loss=reduce_only needs durable_spool: an exit that left would be known to a task's disk alone",
     lambda s: s.on_store_loss == "reduce_only" and not s.durable_spool),
    (f"engine is none of {', '.join(ENGINES)}", lambda s: s.engine not in ENGINES),
    ("database_version must look like 17.6", lambda s: not re.fullmatch(r"1[5-9]\.\d+", s.database_version)),
    (f"database_class is none of {', '.join(DATABASE_CLASSES)}", lambda s: s.database_class not in DATABASE_CLASSES),
    ("database_port must be from 1150 to 65535 and not 5432", lambda s: not _is_database_port(s.database_port)),
    ("database_connections_max must be from 20 to 5000", lambda s: not 20 <= s.database_connections_max <= 5000),
    ("storage_gb must be from 20 to 65536", lambda s: not 20 <= s.storage_gb <= 65536),
    ("storage_gb_max must be at least a tenth above storage_gb", lambda s: s.storage_gb_max * 10 < s.storage_gb * 11),
    ("acu_min and acu_max must be halves from 0.5 to 128, in order", lambda s: not _are_acus(s.acu_min, s.acu_max)),
    ("pitr_days must be from 1 to 35", lambda s: not 1 <= s.pitr_days <= 35),
    ("monitoring_seconds must be 0, 1, 5, 10, 15, 30 or 60", lambda s: not _is_interval(s.monitoring_seconds)),
    ("slow_query_ms must be from 1 to 60000", lambda s: not 1 <= s.slow_query_ms <= 60000),
    ("dump_lock_days must be at least 1 and less than dump_expire_days",
     lambda s: not 1 <= s.dump_lock_days < s.dump_expire_days),
    ("desks must name from one to ten desks", lambda s: not 1 <= len(s.desks) <= DESKS_MAX),
    ("desk_cpu and desk_memory_mb are no size of Fargate", lambda s: not _is_size(s.desk_cpu, s.desk_memory_mb)),
    ("task_cpu and task_memory_mb are no size of Fargate", lambda s: not _is_size(s.task_cpu, s.task_memory_mb)),
    ("drill_storage_gb must be from 21 to 200", lambda s: not 21 <= s.drill_storage_gb <= 200),
    ("log_days is no retention of CloudWatch", lambda s: s.log_days not in (1, 3, 5, 7, 14, 30, 60, 90, 180, 365)),
    ("backup_schedule, drill_schedule and retention_schedule must be cron(...) or rate(...)",
     lambda s: not all(map(SCHEDULE.fullmatch, (s.backup_schedule, s.drill_schedule, s.retention_schedule)))),
    (f"message_ways knows {', '.join(MESSAGE_WAYS)}", lambda s: not set(s.message_ways) <= set(MESSAGE_WAYS)),
    ("messages_secret_arn must be the whole ARN of a secret if message_ways names a way, and only then",
     lambda s: not (SECRET_ARN.fullmatch(s.messages_secret_arn) if s.message_ways else s.messages_secret_arn == "")),
    ("api_secret_arn must be empty or the whole ARN of a secret, and then there is no api_jwks_url",
     lambda s: bool(s.api_secret_arn) and not (SECRET_ARN.fullmatch(s.api_secret_arn) and not s.api_jwks_url)),
    ("api_jwks_url must be empty or begin with https://",
     lambda s: bool(s.api_jwks_url) and not s.api_jwks_url.startswith("https://")),
    ("api_port must be from 1024 to 65535", lambda s: not 1024 <= s.api_port <= 65535),
    ("api_issuer and api_audience must be words", lambda s: not (s.api_issuer.strip() and s.api_audience.strip())),
    ("deployer_trust must be empty, a GitHub repository as owner/name, or the ARN of a role or user",
     lambda s: not (s.deployer_trust == "" or TRUSTED.fullmatch(s.deployer_trust))),
    ("deployer_policies must hold ARNs of managed policies, and only beside a deployer_trust",
     lambda s: not all(POLICY_ARN.fullmatch(each) and s.deployer_trust for each in s.deployer_policies)),
    ("page_to must hold e-mail addresses", lambda s: not all(EMAIL.fullmatch(each) for each in s.page_to)),
    ("a protected stage needs multi_az, at least 7 pitr_days and a dump_lock_days of at least 7",
     lambda s: s.protected and not (s.multi_az and s.pitr_days >= 7 and s.dump_lock_days >= 7)),
)  # fmt: skip


def find_faults(stage: Stage) -> list[str]:
    faults = [sentence for sentence, is_fault in CHECKS if is_fault(stage)]
    return faults + [fault for desk in stage.desks for fault in _desk_faults(desk)] + _doubles(stage.desks)


def _desk_faults(desk: Desk) -> list[str]:
    faults = []
    if not NAME.fullmatch(desk.name) or len(desk.name) > 20:
        faults.append(f"desk {desk.name!r:.40} must be named in small letters, digits and dashes, at most 20")
    if desk.name == API:
        faults.append(f"desk {API!r} would be taken for the API: give it another name")
    if not desk.account.strip() or not desk.user.strip():
        faults.append(f"desk {desk.name} needs an account and a user")
    if desk.keys_secret_arn and not SECRET_ARN.fullmatch(desk.keys_secret_arn):
        faults.append(f"desk {desk.name}: keys_secret_arn must be the whole ARN of a secret, never a key")
    if desk.live and not desk.keys_secret_arn:
        faults.append(f"desk {desk.name} is live and has no keys_secret_arn")
    if desk.simulated and desk.keys_secret_arn:
        faults.append(
            f"desk {desk.name} has a keys_secret_arn and no venue to use it at: say live, or venue_url"
        )
    if desk.live and desk.venue_url:
        faults.append(
            f"desk {desk.name} is live and has a venue_url: live orders go to the venue's own address"
        )
    return faults


def _doubles(desks: tuple[Desk, ...]) -> list[str]:
    names, accounts = [desk.name for desk in desks], [(desk.user, desk.account) for desk in desks]
    return [
        f"two desks have the same {what}"
        for what, found in (("name", names), ("account", accounts))
        if len(set(found)) < len(found)
    ]


def _is_block(cidr: str) -> bool:
    match = re.fullmatch(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})/(1[6-9]|20)", cidr)
    return bool(match) and all(int(part) <= 255 for part in cidr.partition("/")[0].split("."))


def _is_key_of(region: str, arn: str) -> bool:
    return bool(re.fullmatch(rf"arn:aws[a-z-]*:kms:{region}:\d{{12}}:key/.+" if region else "", arn))


def _are_ports(ports: tuple[int, ...]) -> bool:
    return all(1 <= port <= 65535 for port in ports)


def _is_database_port(port: int) -> bool:
    return 1150 <= port <= 65535 and port != 5432


def _is_interval(seconds: int) -> bool:
    return seconds in (0, 1, 5, 10, 15, 30, 60)


def _is_size(cpu: int, memory_mb: int) -> bool:
    return memory_mb in FARGATE_SIZES.get(cpu, ())


def _are_acus(low: str, high: str) -> bool:
    halves = [re.fullmatch(r"(\d+)(\.5|\.0)?", each) for each in (low, high)]
    if not all(halves):
        return False
    return Decimal("0.5") <= Decimal(low) <= Decimal(high) <= 128
