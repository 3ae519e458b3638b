"""What a container is told: the names of runtime/settings.py, which a test holds this file against.

Pure, and without a secret: the database's address holds no password, since a token is signed for each connection, and
an empty text is the same as a name that is not there.
"""

from collections.abc import Mapping

from stacks.data import DATABASE_NAME, Database
from stacks.settings import Desk, Stage

CA_FILE = "/etc/holdfast/rds-ca.pem"
DATA_DIR = "/var/lib/holdfast"
# In the scratch volume of the task, which no other task sees.
HEALTH_DIR = "/tmp/health"

# On the volume that the task writes to; it lives as long as the task.
SPOOL_DIR = f"{DATA_DIR}/spool"

# ECS kills after 120 s. The bot leaves within 100, and the rest is for the container's own end.
SHUTDOWN_SECONDS = 100

# How long what was only observed is kept, and how many versions of a model; the ledger is kept for ever.
KEPT: Mapping[str, str] = {
    "HOLDFAST_KEEP_CANDLES_DAYS": "90",
    "HOLDFAST_KEEP_SNAPSHOTS_DAYS": "30",
    "HOLDFAST_KEEP_MARKS_DAYS": "365",
    "HOLDFAST_KEEP_BLOCKED_DAYS": "365",
    "HOLDFAST_KEEP_PREDICTIONS_DAYS": "365",
    "HOLDFAST_KEEP_PROMPTS_DAYS": "90",
    "HOLDFAST_KEEP_MODELS": "20",
}

# Environment name -> field of the secret that holds the keys of a venue account.
KEYS: Mapping[str, str] = {"HOLDFAST_VENUE_KEY": "key", "HOLDFAST_VENUE_SECRET": "secret"}
PASSPHRASE: Mapping[str, str] = {"HOLDFAST_VENUE_PASSPHRASE": "passphrase"}
# How people are told, by the way that it takes: an address or a token, either of which is good for whoever has it.
MESSAGES: Mapping[str, Mapping[str, str]] = {
    "webhook": {"HOLDFAST_WEBHOOK_URL": "webhook_url"},
    "telegram": {"HOLDFAST_TELEGRAM_TOKEN": "telegram_token", "HOLDFAST_TELEGRAM_CHAT": "telegram_chat"},
}
# The simulated venue beside a paper desk: its address in their common network, and the account that it opens by itself.
SIMULATOR_PORT = 8000
PAPER: Mapping[str, str] = {
    "HOLDFAST_VENUE_URL": f"http://127.0.0.1:{SIMULATOR_PORT}",
    "HOLDFAST_VENUE_KEY": "paper-key",
    "HOLDFAST_VENUE_SECRET": "paper-secret",
    "HOLDFAST_VENUE_PASSPHRASE": "paper-passphrase",
}


def database_url(database: Database, user: str) -> str:
    return f"postgresql://{user}@{database.host}:{database.port}/{DATABASE_NAME}"


def task_environment(database: Database, *, user: str | None, stage: str) -> dict[str, str]:
    """For the one-off tasks; a drill has no user and so no address of the database."""
    environment = {"HOLDFAST_DATA_DIR": DATA_DIR, "HOLDFAST_LOG_LEVEL": "info", "HOLDFAST_STAGE": stage}
    if user is not None:
        environment["DATABASE_URL"] = database_url(database, user)
        environment["HOLDFAST_DATABASE_AUTH"] = "iam"
        environment["HOLDFAST_DATABASE_CA"] = CA_FILE
    return environment


def migrate_environment(database: Database, *, user: str, stage: str) -> dict[str, str]:
    """The address of the administrator's secret, which the task reads itself when it makes the roles."""
    return {
        **task_environment(database, user=user, stage=stage),
        "HOLDFAST_DATABASE_MASTER_SECRET": database.master_secret_arn,
    }


def retention_environment(database: Database, *, user: str, stage: str) -> dict[str, str]:
    return {**task_environment(database, user=user, stage=stage), **KEPT}


def desk_environment(
    desk: Desk, database: Database, *, user: str, stage: Stage, artefacts: str
) -> dict[str, str]:
    """Every setting that is no secret, its default too, so that the template shows what a desk runs with."""
    return {
        **task_environment(database, user=user, stage=stage.name),
        "HOLDFAST_USER": desk.user,
        "HOLDFAST_ACCOUNT": desk.account,
        "HOLDFAST_LIVE": "yes" if desk.live else "no",
        "HOLDFAST_VENUE_URL": desk.venue_url,
        **(PAPER if desk.simulated else {}),
        "HOLDFAST_DATABASE_PASSWORD_FILE": "",
        # Of the migration alone; a desk has neither the address of that secret nor the right to read it.
        "HOLDFAST_DATABASE_MASTER_SECRET": "",
        "HOLDFAST_DESK": desk.name,
        "HOLDFAST_METRICS_SECONDS": "60",
        "HOLDFAST_METRICS_HOST": "127.0.0.1",
        "HOLDFAST_METRICS_PORT": "",
        "HOLDFAST_HEALTH_DIR": HEALTH_DIR,
        "HOLDFAST_HEALTH_SECONDS": "60",
        "HOLDFAST_SLOW_QUERY_SECONDS": "0.25",
        "HOLDFAST_SPOOL_DIR": SPOOL_DIR,
        "HOLDFAST_SPOOL_MEGABYTES_MAX": "256",
        "HOLDFAST_ARTEFACT_DIR": "",
        "HOLDFAST_ARTEFACT_BUCKET": artefacts,
        "HOLDFAST_ARTEFACT_INLINE_BYTES_MAX": "1048576",
        # Of the retention job, which alone clears anything.
        **KEPT,
        # Off, unless the stage names a secret; the alarms tell people in any case.
        **{name: "" for way, fields in MESSAGES.items() if way not in stage.message_ways for name in fields},
        "HOLDFAST_TELEGRAM_URL": "https://api.telegram.org",
        # Of the API alone.
        "HOLDFAST_API_HOST": "127.0.0.1",
        "HOLDFAST_API_PORT": "",
        "HOLDFAST_API_THREADS": "8",
        "HOLDFAST_API_REQUESTS_PER_SECOND": "200",
        "HOLDFAST_API_SECRET": "",
        "HOLDFAST_API_SECRET_FILE": "",
        "HOLDFAST_API_JWKS_URL": "",
        "HOLDFAST_API_ISSUER": "holdfast",
        "HOLDFAST_API_AUDIENCE": "holdfast-api",
        "HOLDFAST_BACKUP_BUCKET": "",
        "HOLDFAST_DATABASE_POOL_MAX": "4",
        "HOLDFAST_STATEMENT_SECONDS": "10",
        "HOLDFAST_TICK_SECONDS": "1",
        "HOLDFAST_REQUEST_TIMEOUT_SECONDS": "5",
        "HOLDFAST_SEND_WITHIN_SECONDS": "5",
        "HOLDFAST_QUOTE_AGE_SECONDS": "30",
        "HOLDFAST_LEASE_SECONDS": "30",
        "HOLDFAST_RECONCILE_SECONDS": "300",
        "HOLDFAST_SHUTDOWN_SECONDS": str(SHUTDOWN_SECONDS),
        "HOLDFAST_STORE_LOST_SECONDS": "120",
        "HOLDFAST_ON_STORE_LOSS": stage.on_store_loss,
        "HOLDFAST_REMEMBER_SECONDS": "300",
        "HOLDFAST_REMEMBER_VERSIONS": "5",
    }


def api_environment(stage: Stage, database: Database, *, user: str, dumps: str) -> dict[str, str]:
    """It listens where only its own task can reach it: whoever looks comes through the account's session channel."""
    return {
        **task_environment(database, user=user, stage=stage.name),
        "HOLDFAST_METRICS_SECONDS": "60",
        "HOLDFAST_API_HOST": "127.0.0.1",
        "HOLDFAST_API_PORT": str(stage.api_port),
        "HOLDFAST_API_THREADS": "4",
        "HOLDFAST_API_JWKS_URL": stage.api_jwks_url,
        "HOLDFAST_API_ISSUER": stage.api_issuer,
        "HOLDFAST_API_AUDIENCE": stage.api_audience,
        "HOLDFAST_BACKUP_BUCKET": dumps,
    }


def api_secrets(stage: Stage) -> dict[str, Mapping[str, str]]:
    return {stage.api_secret_arn: {"HOLDFAST_API_SECRET": "secret"}} if stage.api_secret_arn else {}


def desk_secrets(desk: Desk, stage: Stage) -> dict[str, Mapping[str, str]]:
    """ARN of a secret -> environment name -> its field. ECS starts no task for a field that a secret lacks."""
    found: dict[str, Mapping[str, str]] = {}
    if desk.keys_secret_arn:
        found[desk.keys_secret_arn] = {**KEYS, **(PASSPHRASE if desk.has_passphrase else {})}
    if stage.message_ways:
        messages = {name: field for way in stage.message_ways for name, field in MESSAGES[way].items()}
        found[stage.messages_secret_arn] = {**found.get(stage.messages_secret_arn, {}), **messages}
    return found
