"""The verbs that let somebody in to the API: `token`, `sign-in`; and `api`, which becomes the server.

The server's framework takes a second to load, which nobody else should wait for: it has an entry of its own.
"""

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from runtime import errors
from runtime.api import signin, tokens
from runtime.api.tokens import Session, SharedSecret, Verifier
from runtime.local.supervisor import kept_port
from runtime.settings import Secret, Settings

Role = Callable[[Settings, argparse.Namespace], int]
AddRole = Callable[[str, Role, str], argparse.ArgumentParser]
SERVER = ("-m", "runtime.serving")


def add_roles(role: AddRole) -> None:
    role("api", become_server, "serve the API and the page until told to stop")
    added = role("token", print_token, "print a token for the API")
    added.add_argument("--user", help="whose bots (default: HOLDFAST_USER)")
    added.add_argument("--role", dest="as_role", choices=tokens.ROLES, default="viewer")
    added.add_argument(
        "--hours", type=_hours, default=tokens.HOURS, help="how long it is valid (default: 12)"
    )
    role("sign-in", print_address, "print the page's address with a sign-in that works once")


def _hours(written: str) -> float:
    try:
        hours = float(written)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= tokens.HOURS_MAX:
        raise argparse.ArgumentTypeError(f"{written!r:.20} is not above 0 and at most {tokens.HOURS_MAX}")
    return hours


# --- verbs -----------------------------------------------------------------------------------------------------------


def become_server(_: Settings, __: argparse.Namespace) -> int:
    os.execv(sys.executable, [sys.executable, *SERVER])


def print_token(settings: Settings, args: argparse.Namespace) -> int:
    print(session(settings, args.user or settings.user, args.as_role, args.hours).token)
    return 0


def print_address(settings: Settings, _: argparse.Namespace) -> int:
    print(address_of_page(settings, settings.user))
    return 0


# --- for the switchboard and the server ------------------------------------------------------------------------------


def address_of_page(settings: Settings, user: str) -> str:
    """The code stands behind the # of the address, which a browser sends to nobody."""
    code = signin.issue(settings.api_dir, user=user, role="operator", now=datetime.now(UTC))
    # Every address is none that a browser could open; this machine's own is among them.
    host = settings.api_host if settings.api_host not in ("0.0.0.0", "::") else "127.0.0.1"
    return f"http://{host}:{port_of(settings)}/#sign-in={code}"


def port_of(settings: Settings) -> int:
    if settings.api_port is not None:
        return settings.api_port
    settings.api_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return kept_port(settings.api_dir / "port")


def secret(settings: Settings) -> Secret:
    if settings.api_secret is not None:
        return settings.api_secret
    return tokens.keep_secret(settings.api_secret_file or settings.api_dir / "secret")


def session(settings: Settings, user: str, role: tokens.Role, hours: float) -> Session:
    """A token, and what it says."""
    if settings.api_jwks_url is not None:
        raise errors.InvalidCommand(
            verb="token", detail="HOLDFAST_API_JWKS_URL is set: its issuer makes them"
        )
    shared = secret(settings)
    token = tokens.make_token(
        shared,
        issuer=settings.api_issuer,
        audience=settings.api_audience,
        user=user,
        role=role,
        hours=hours,
        now=datetime.now(UTC),
    )
    told = Verifier(SharedSecret(shared), settings.api_issuer, settings.api_audience).verify(token)
    return Session(token, told.name, told.role, told.expires_at)
