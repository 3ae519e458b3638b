"""What the API is made of, and the routes that ask no ledger: is it alive, who am I, let me in, how is the database.

The functions know no framework: they take the parts and who asks, and give plain shapes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runtime.api import wishes
from runtime.api.door import Door, Scope
from runtime.api.hub import Hub
from runtime.api.shapes import Alive, Backup, Code
from runtime.api.threads import Threads
from runtime.api.tokens import Principal, Role, Session
from runtime.store.pool import Store
from runtime.store.user_settings import UserSettings
from runtime.telemetry.meters import Meters


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """`sign_in` turns a code into a token, once; `backups` lists what there is."""

    store: Store
    door: Door
    hub: Hub
    meters: Meters
    threads: Threads
    sign_in: Callable[[str], Session]
    backups: Callable[[], list[Backup]]
    system: Callable[[], dict[str, Any]]


def show_health(parts: Parts, scope: Scope) -> Alive:
    """Whether this process lives. It says nothing else, so it asks for no token."""
    return Alive()


def show_session(parts: Parts, scope: Scope) -> Session:
    """Who the token says that you are."""
    who = principal_of(scope)
    return Session(None, who.name, who.role, who.expires_at)


def sign_in(parts: Parts, scope: Scope, body: Code) -> Session:
    """Signs the page in, once, with the code that its address ends with."""
    parts.door.knock(scope)
    return parts.sign_in(body.code)


def show_system(parts: Parts, scope: Scope) -> dict[str, Any]:
    """The database and the pool of connections to it: sizes, rows, slow queries; at most half a minute old."""
    return parts.system()


def show_backups(parts: Parts, scope: Scope) -> list[Backup]:
    """Every backup that was finished, newest last."""
    return parts.backups()


def save_settings(parts: Parts, scope: Scope, body: wishes.Preferences) -> UserSettings:
    """What the tenant wishes from now on."""
    who = principal_of(scope)
    return wishes.save_settings(wishes.Asker(who, parts.store.of(who.user)), body)


def change_wishes(parts: Parts, scope: Scope, body: wishes.Wished) -> UserSettings:
    """Another risk profile, other caps, whether anything new is begun: what is not named stays as it is."""
    who = principal_of(scope)
    return wishes.change_wishes(wishes.Asker(who, parts.store.of(who.user)), body)


def principal_of(scope: Scope) -> Principal:
    """Whom the door let in with this request."""
    principal: Principal = scope["state"]["principal"]
    return principal


# The method, the address, the function, and who may ask; None is everybody.
OTHERS: tuple[tuple[str, str, Callable[..., Any], Role | None], ...] = (
    ("GET", "/health", show_health, None),
    ("GET", "/session", show_session, "viewer"),
    ("PUT", "/session", sign_in, None),
    ("GET", "/system", show_system, "viewer"),
    ("GET", "/backups", show_backups, "viewer"),
    ("PUT", "/settings", save_settings, "operator"),
    ("PUT", "/settings/wishes", change_wishes, "operator"),
)
