"""Everything that a process is told from outside, read once and checked whole.

`Settings.from_env` is pure: it takes a mapping, collects every fault, and either returns a frozen value or raises
BadSettings with all of them. Nothing else in the runtime reads the environment.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from runtime import errors

# A shorter part of an address is a word, such as "hook", which may stand anywhere.
_TELLING_LENGTH = 8
# What HS256 needs so that nobody finds the secret by trying.
TOKEN_SECRET_LENGTH = 32


class Secret:
    """A text that does not print. Only the room that needs it calls `reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


def _text(raw: str) -> str:
    if not raw.strip() or not raw.isprintable():
        raise ValueError("must be a printable text")
    return raw.strip()


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if raw not in choices:
            raise ValueError(f"is {raw!r:.40}, not one of {', '.join(choices)}")
        return raw

    return parse


def _yes_or_no(raw: str) -> bool:
    if raw.lower() not in ("yes", "no"):
        raise ValueError(f"is {raw!r:.40}, not yes or no")
    return raw.lower() == "yes"


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(raw: str) -> float:
        try:
            number = float(raw)
        except ValueError:
            raise ValueError(f"is {raw!r:.40}, not a number of seconds") from None
        if not low <= number <= high:
            raise ValueError(f"is {raw}, outside {low:g} to {high:g} seconds")
        return number

    return parse


def _count(low: int, high: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        if not raw.isascii() or not raw.isdigit() or not low <= int(raw[:9]) <= high:
            raise ValueError(f"is {raw!r:.40}, not a whole number from {low} to {high}")
        return int(raw)

    return parse


# From the day on which a summary is the last one (domain.retention.DAYS_MIN) to a hundred years.
_days = _count(8, 36525)


def _postgres_url(raw: str) -> Secret:
    if _parts(raw).scheme not in ("postgresql", "postgres"):
        raise ValueError("must begin with postgresql://")
    return Secret(raw)


def _has_password(url: str) -> bool:
    parts = _parts(url)
    return parts.password is not None or "password" in parse_qs(parts.query)


def _passwords(url: str) -> tuple[str, ...]:
    """As the address writes it and as it is meant: before the @, or among the parameters."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ()
    found = (parts.password or "", *parse_qs(parts.query).get("password", ()))
    return tuple(shape for each in found for shape in (each, unquote(each)) if each)


def _secret_arn(raw: str) -> str:
    if not raw.startswith("arn:") or raw.count(":") != 6 or ":secretsmanager:" not in raw:
        raise ValueError("must be the ARN of a secret of AWS")
    return raw


def _http_url(raw: str) -> str:
    parts = _parts(raw)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http:// or https:// address")
    return raw.rstrip("/")


def _webhook_url(raw: str) -> Secret:
    """A secret: whoever knows it may post there. Nothing of it is repeated."""
    if not raw.isascii() or not raw.isprintable() or " " in raw:
        raise ValueError("must be an address of printable ASCII characters")
    return Secret(_http_url(raw))


def _telegram_token(raw: str) -> Secret:
    if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", raw):
        raise ValueError("must be a bot's token, as Telegram's BotFather gave it")
    return Secret(raw)


def _token_secret(raw: str) -> Secret:
    if len(raw) < TOKEN_SECRET_LENGTH or not raw.isascii() or not raw.isprintable():
        raise ValueError(f"must be at least {TOKEN_SECRET_LENGTH} printable ASCII characters")
    return Secret(raw)


def _chat(raw: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", raw):
        raise ValueError("must be the number of a chat")
    return int(raw)


def _goes_in_the_clear(url: str) -> bool:
    parts = _parts(url)
    return parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost")


def _parts(raw: str) -> SplitResult:
    """Its parts, or a fault that repeats nothing of it: an address may hold a password."""
    try:
        parts = urlsplit(raw)
        (parts.hostname or "").encode("idna")
        _ = parts.port
    except ValueError:
        raise ValueError("is not an address that could be read") from None
    return parts


def _setting(name: str, parse: Callable[[str], Any], default: Any) -> Any:
    return field(default=default, metadata={"name": name, "parse": parse})


@dataclass(frozen=True, slots=True)
class Settings:
    """One field for each environment variable; docs/configuration.md explains them."""

    database_url: Secret | None = _setting("DATABASE_URL", _postgres_url, None)
    database_auth: str = _setting("HOLDFAST_DATABASE_AUTH", _one_of("password", "iam"), "password")
    database_ca: Path | None = _setting("HOLDFAST_DATABASE_CA", Path, None)
    database_password_file: Path | None = _setting("HOLDFAST_DATABASE_PASSWORD_FILE", Path, None)
    database_master_secret: str | None = _setting("HOLDFAST_DATABASE_MASTER_SECRET", _secret_arn, None)
    database_pool_max: int = _setting("HOLDFAST_DATABASE_POOL_MAX", _count(1, 100), 4)
    statement_seconds: float = _setting("HOLDFAST_STATEMENT_SECONDS", _seconds(0.1, 600), 10.0)
    data_dir: Path = _setting("HOLDFAST_DATA_DIR", Path, Path(".holdfast"))
    user: str = _setting("HOLDFAST_USER", _text, "local")
    account: str | None = _setting("HOLDFAST_ACCOUNT", _text, None)
    venue_url: str | None = _setting("HOLDFAST_VENUE_URL", _http_url, None)
    venue_key: Secret | None = _setting("HOLDFAST_VENUE_KEY", Secret, None)
    venue_secret: Secret | None = _setting("HOLDFAST_VENUE_SECRET", Secret, None)
    venue_passphrase: Secret | None = _setting("HOLDFAST_VENUE_PASSPHRASE", Secret, None)
    live: bool = _setting("HOLDFAST_LIVE", _yes_or_no, False)
    tick_seconds: float = _setting("HOLDFAST_TICK_SECONDS", _seconds(0.01, 3600), 1.0)
    request_timeout_seconds: float = _setting("HOLDFAST_REQUEST_TIMEOUT_SECONDS", _seconds(0.1, 60), 5.0)
    send_within_seconds: float = _setting("HOLDFAST_SEND_WITHIN_SECONDS", _seconds(0.1, 60), 5.0)
    quote_age_seconds: float = _setting("HOLDFAST_QUOTE_AGE_SECONDS", _seconds(1, 3600), 30.0)
    lease_seconds: float = _setting("HOLDFAST_LEASE_SECONDS", _seconds(1, 600), 30.0)
    reconcile_seconds: float = _setting("HOLDFAST_RECONCILE_SECONDS", _seconds(1, 86400), 300.0)
    shutdown_seconds: float = _setting("HOLDFAST_SHUTDOWN_SECONDS", _seconds(1, 110), 20.0)
    store_lost_seconds: float = _setting("HOLDFAST_STORE_LOST_SECONDS", _seconds(1, 3600), 120.0)
    on_store_loss: str = _setting("HOLDFAST_ON_STORE_LOSS", _one_of("wait", "reduce_only"), "wait")
    remember_seconds: float = _setting("HOLDFAST_REMEMBER_SECONDS", _seconds(0.1, 86400), 300.0)
    remember_versions: int = _setting("HOLDFAST_REMEMBER_VERSIONS", _count(2, 100), 5)
    stage: str = _setting("HOLDFAST_STAGE", _text, "local")
    desk: str | None = _setting("HOLDFAST_DESK", _text, None)
    metrics_seconds: float = _setting("HOLDFAST_METRICS_SECONDS", _seconds(0.1, 3600), 60.0)
    metrics_host: str = _setting("HOLDFAST_METRICS_HOST", _text, "127.0.0.1")
    metrics_port: int | None = _setting("HOLDFAST_METRICS_PORT", _count(0, 65535), None)
    slow_query_seconds: float = _setting("HOLDFAST_SLOW_QUERY_SECONDS", _seconds(0, 600), 0.5)
    health_dir: Path | None = _setting("HOLDFAST_HEALTH_DIR", Path, None)
    health_seconds: float = _setting("HOLDFAST_HEALTH_SECONDS", _seconds(1, 3600), 60.0)
    spool_dir: Path | None = _setting("HOLDFAST_SPOOL_DIR", Path, None)
    spool_megabytes_max: int = _setting("HOLDFAST_SPOOL_MEGABYTES_MAX", _count(32, 100_000), 256)
    keep_candles_days: int = _setting("HOLDFAST_KEEP_CANDLES_DAYS", _days, 90)
    keep_snapshots_days: int = _setting("HOLDFAST_KEEP_SNAPSHOTS_DAYS", _days, 30)
    keep_marks_days: int = _setting("HOLDFAST_KEEP_MARKS_DAYS", _days, 365)
    keep_blocked_days: int = _setting("HOLDFAST_KEEP_BLOCKED_DAYS", _days, 365)
    keep_predictions_days: int = _setting("HOLDFAST_KEEP_PREDICTIONS_DAYS", _days, 365)
    keep_prompts_days: int = _setting("HOLDFAST_KEEP_PROMPTS_DAYS", _days, 90)
    keep_models: int = _setting("HOLDFAST_KEEP_MODELS", _count(1, 10_000), 20)
    artefact_dir: Path | None = _setting("HOLDFAST_ARTEFACT_DIR", Path, None)
    artefact_bucket: str | None = _setting("HOLDFAST_ARTEFACT_BUCKET", _text, None)
    artefact_inline_bytes_max: int = _setting(
        "HOLDFAST_ARTEFACT_INLINE_BYTES_MAX", _count(0, 64 << 20), 1 << 20
    )
    webhook_url: Secret | None = _setting("HOLDFAST_WEBHOOK_URL", _webhook_url, None)
    telegram_token: Secret | None = _setting("HOLDFAST_TELEGRAM_TOKEN", _telegram_token, None)
    telegram_chat: int | None = _setting("HOLDFAST_TELEGRAM_CHAT", _chat, None)
    telegram_url: str = _setting("HOLDFAST_TELEGRAM_URL", _http_url, "https://api.telegram.org")
    api_host: str = _setting("HOLDFAST_API_HOST", _text, "127.0.0.1")
    api_port: int | None = _setting("HOLDFAST_API_PORT", _count(0, 65535), None)
    api_threads: int = _setting("HOLDFAST_API_THREADS", _count(1, 64), 8)
    api_requests_per_second: int = _setting("HOLDFAST_API_REQUESTS_PER_SECOND", _count(1, 100_000), 200)
    api_secret_file: Path | None = _setting("HOLDFAST_API_SECRET_FILE", Path, None)
    api_secret: Secret | None = _setting("HOLDFAST_API_SECRET", _token_secret, None)
    api_jwks_url: str | None = _setting("HOLDFAST_API_JWKS_URL", _http_url, None)
    api_issuer: str = _setting("HOLDFAST_API_ISSUER", _text, "holdfast")
    api_audience: str = _setting("HOLDFAST_API_AUDIENCE", _text, "holdfast-api")
    backup_bucket: str | None = _setting("HOLDFAST_BACKUP_BUCKET", _text, None)
    log_level: str = _setting("HOLDFAST_LOG_LEVEL", _one_of("debug", "info", "warning", "error"), "info")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        values, faults = {}, []
        for each in fields(cls):
            raw = environ.get(each.metadata["name"], "")
            if raw == "":
                continue
            try:
                values[each.name] = each.metadata["parse"](raw)
            except ValueError as fault:
                faults.append(f"{each.metadata['name']} {fault}.")
        faults += _unknown_names(environ, {each.metadata["name"] for each in fields(cls)})
        settings = cls(**values)
        faults += settings._contradictions() if not faults else []
        if faults:
            raise errors.BadSettings(count=len(faults), faults=" ".join(faults))
        return settings

    def secret_texts(self) -> tuple[str, ...]:
        """What must never be read anywhere, the password in the database's address by itself too."""
        held = (getattr(self, each.name) for each in fields(self))
        texts = [value.reveal() for value in held if isinstance(value, Secret)]
        url = self.database_url
        passwords = _passwords(url.reveal()) if url is not None else ()
        # What makes an address secret is mostly its end.
        hook = urlsplit(self.webhook_url.reveal()) if self.webhook_url is not None else None
        ends = (hook.path, hook.path.rpartition("/")[2], hook.query) if hook is not None else ()
        return (*texts, *passwords, *(each for each in ends if len(each) >= _TELLING_LENGTH))

    @property
    def pulse_dir(self) -> Path:
        """Where a desk writes that it lives, and whoever asks for its health reads it."""
        return self.health_dir or self.data_dir / "health"

    @property
    def spools_dir(self) -> Path:
        """Where each desk of this machine has a folder for what PostgreSQL has not taken yet."""
        return self.spool_dir or self.data_dir / "spool"

    @property
    def api_dir(self) -> Path:
        """What the API keeps: the secret of its tokens, its port, the sign-in that waits."""
        return self.data_dir / "api"

    @property
    def artefacts_dir(self) -> Path:
        """Where lies what was learned and is too large for a row, unless there is a bucket for it."""
        return self.artefact_dir or self.data_dir / "artefacts"

    def _contradictions(self) -> list[str]:
        faults = []
        if self.lease_seconds < 2 * self.request_timeout_seconds:
            faults.append(
                f"HOLDFAST_LEASE_SECONDS is {self.lease_seconds:g}, less than twice HOLDFAST_REQUEST_TIMEOUT_SECONDS "
                f"({self.request_timeout_seconds:g}): no order could be sent safely."
            )
        faults += self._database_contradictions() + self._notification_contradictions()
        if sum(map(bool, (self.api_secret, self.api_secret_file, self.api_jwks_url))) > 1:
            faults.append(
                "Tokens must be judged in one way: HOLDFAST_API_SECRET, HOLDFAST_API_SECRET_FILE or "
                "HOLDFAST_API_JWKS_URL."
            )
        if self.api_jwks_url and _goes_in_the_clear(self.api_jwks_url):
            faults.append("HOLDFAST_API_JWKS_URL must begin with https:// unless it is on this machine.")
        if self.artefact_dir and self.artefact_bucket:
            faults.append("HOLDFAST_ARTEFACT_DIR and HOLDFAST_ARTEFACT_BUCKET are both set: name one.")
        if self.live and self.venue_url:
            faults.append(
                "HOLDFAST_LIVE is yes and HOLDFAST_VENUE_URL is set: live orders go to the venue's own address only."
            )
        if self.live and not (self.venue_key and self.venue_secret):
            faults.append(
                "HOLDFAST_LIVE is yes, but HOLDFAST_VENUE_KEY and HOLDFAST_VENUE_SECRET are not both set."
            )
        return faults

    def _notification_contradictions(self) -> list[str]:
        faults = []
        if (self.telegram_token is None) != (self.telegram_chat is None):
            faults.append("HOLDFAST_TELEGRAM_TOKEN and HOLDFAST_TELEGRAM_CHAT belong together.")
        if self.webhook_url and _goes_in_the_clear(self.webhook_url.reveal()):
            faults.append("HOLDFAST_WEBHOOK_URL must begin with https:// unless it is on this machine.")
        if self.telegram_token and _goes_in_the_clear(self.telegram_url):
            faults.append("HOLDFAST_TELEGRAM_URL must begin with https:// unless it is on this machine.")
        return faults

    def _database_contradictions(self) -> list[str]:
        faults = []
        url, by_token = self.database_url, self.database_auth == "iam"
        if url is None and (by_token or self.database_ca or self.database_password_file):
            faults.append("HOLDFAST_DATABASE_AUTH, _CA or _PASSWORD_FILE is set, but not DATABASE_URL.")
        if self.database_master_secret and not (url and self.database_ca):
            faults.append("HOLDFAST_DATABASE_MASTER_SECRET needs DATABASE_URL and HOLDFAST_DATABASE_CA.")
        if by_token and not self.database_ca:
            faults.append(
                "HOLDFAST_DATABASE_AUTH is iam and HOLDFAST_DATABASE_CA is not set: a token would go to anybody."
            )
        says_password = url is not None and _has_password(url.reveal())
        if by_token + says_password + bool(self.database_password_file) > 1:
            faults.append(
                "The password must come from one place: DATABASE_URL, HOLDFAST_DATABASE_PASSWORD_FILE, or iam."
            )
        return faults


def names() -> tuple[str, ...]:
    """Every environment variable that the runtime reads."""
    return tuple(each.metadata["name"] for each in fields(Settings))


def _unknown_names(environ: Mapping[str, str], known: set[str]) -> list[str]:
    strangers = sorted(name for name in environ if name.startswith("HOLDFAST_") and name not in known)
    return [f"{name} is not a setting of Holdfast; see docs/configuration.md." for name in strangers]
