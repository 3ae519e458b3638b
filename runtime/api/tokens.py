"""Who asks: tokens are made here and believed here, and nothing else knows their library.

One algorithm is pinned by the settings: HS256 with a secret that this folder keeps, or RS256 with the keys that an
issuer publishes. Whatever else a token says of itself is not believed. A token that is refused is never repeated.
"""

import hashlib
import json
import os
import secrets
import time
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import jwt

from runtime import errors, logs
from runtime.domain.identity import UserId, user_id
from runtime.settings import Secret

Role = Literal["viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")
TOKEN_BYTES_MAX = 8192
HOURS = 12
HOURS_MAX = 24 * 366
_LEEWAY_SECONDS = 10
_KEYS_SECONDS = 300
_KEYS_TIMEOUT_SECONDS = 5
_SECRET_BYTES = 48
# How long, and how many: a key that its issuer withdraws is believed for so much longer.
BELIEVED_SECONDS = 60
BELIEVED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, whose rows they may see, and what they may do."""

    name: str
    user: UserId
    role: Role
    expires_at: datetime

    def require(self, role: Role) -> None:
        if ROLES.index(self.role) < ROLES.index(role):
            raise errors.NotPermitted(needed=role, role=self.role)


@dataclass(frozen=True, slots=True)
class Session:
    """A token, and what it says; without the token where somebody only asks who they are."""

    token: str | None
    user: str
    role: Role
    expires_at: datetime


class Keys(Protocol):
    algorithm: str

    def of(self, token: str) -> Any:
        """The key that this token has to be signed with."""


class SharedSecret:
    """For those who make tokens where they are believed."""

    algorithm = "HS256"

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def of(self, token: str) -> Any:
        return self._secret.reveal()


class PublishedKeys:
    """Those of an issuer, fetched again when a token names one that is not known."""

    algorithm = "RS256"

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(
            url, cache_keys=False, lifespan=_KEYS_SECONDS, timeout=_KEYS_TIMEOUT_SECONDS
        )

    def of(self, token: str) -> Any:
        return self._client.get_signing_key_from_jwt(token).key


@dataclass(frozen=True, slots=True)
class Verifier:
    keys: Keys
    issuer: str
    audience: str
    # By the token's digest: who it is, and until when that need not be verified again.
    _believed: dict[bytes, tuple[Principal, float]] = field(default_factory=dict, init=False, repr=False)

    def recall(self, token: str) -> Principal | None:
        """Whose token it is, if it was believed a moment ago: a signature costs more than most questions."""
        known = self._believed.get(_digest(token))
        return known[0] if known is not None and time.time() < known[1] else None

    def verify(self, token: str) -> Principal:
        principal = self._verified(token)
        if len(self._believed) >= BELIEVED_MAX:
            self._believed.clear()
        until = min(principal.expires_at.timestamp(), time.time() + BELIEVED_SECONDS)
        self._believed[_digest(token)] = principal, until
        return principal

    def _verified(self, token: str) -> Principal:
        if not 0 < len(token) <= TOKEN_BYTES_MAX or not token.isascii():
            raise errors.NotSignedIn(detail="there is no token of a sane size")
        try:
            _refuse_twofold(token)
            claims = jwt.decode(
                token,
                self.keys.of(token),
                algorithms=[self.keys.algorithm],
                audience=self.audience,
                issuer=self.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub"], "strict_aud": True},
            )
            return _principal(claims)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError) as refusal:
            # Its kind says enough; its words may repeat what the token says.
            raise errors.NotSignedIn(detail=f"it is not believed ({type(refusal).__name__})") from None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def make_token(
    secret: Secret, *, issuer: str, audience: str, user: str, role: Role, hours: float, now: datetime
) -> str:
    claims = {
        "sub": user,
        "role": role,
        "iss": issuer,
        "aud": audience,
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(hours=hours)).timestamp()),
        "jti": secrets.token_hex(8),
    }
    return jwt.encode(claims, secret.reveal(), algorithm=SharedSecret.algorithm)


def keep_secret(path: Path) -> Secret:
    """The secret of this folder, made when it is asked for first; nobody but its owner may read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    if not path.exists():
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(_SECRET_BYTES))
        try:
            os.link(fresh, path)  # whoever was faster wins, and no reader sees half of it
        except FileExistsError:
            logs.debug("the secret of tokens is there already")
        fresh.unlink()
    secret = path.read_text(encoding="utf-8").strip()
    if path.stat().st_mode & 0o077 or len(secret) < 32:
        raise errors.BadInput(
            where=str(path),
            detail="others may read it, or it is shorter than 32 characters",
            remedy="Remove it: another one is made, and tokens made with it are void.",
        )
    logs.keep_out(secret)
    return Secret(secret)


def _principal(claims: dict[str, Any]) -> Principal:
    name, role, tenant = claims["sub"], claims.get("role"), claims.get("user")
    if not isinstance(name, str) or not 0 < len(name) <= 60 or not name.isprintable():
        raise ValueError
    if role not in ROLES or not (tenant is None or isinstance(tenant, str) and 0 < len(tenant) <= 60):
        raise ValueError
    expires_at = datetime.fromtimestamp(int(claims["exp"]), UTC)
    return Principal(name, user_id(tenant or name), cast(Role, role), expires_at)


def _refuse_twofold(token: str) -> None:
    """A claim that stands twice means one thing to us and another to whoever looked before us."""
    for part in token.split(".")[:2]:
        json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)), object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) != len(pairs):
        raise ValueError("a claim stands twice")
    return told
