"""What the API may write: wishes to desks, as rows that they obey at their next tick, and what users prefer.

Whose an account is decides in whose name a wish is written; an admin's is written in the name of the tenant whom it
concerns, with the admin as who asked.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal
from uuid import UUID

from runtime import errors
from runtime.api.tokens import Principal
from runtime.domain.wishes import parse_caps
from runtime.store import bot_pages, operation_pages, order_pages, user_settings, users
from runtime.store.bot_pages import Bot
from runtime.store.operation_pages import Command, Wish
from runtime.store.pool import Store, Tx
from runtime.store.user_settings import RiskProfile, UserSettings

BotVerb = Literal["enable", "disable", "pause", "resume", "flatten", "reset"]
# A name that is written wrongly must not be passed over, nor `"no"` be taken for something.
EXACT: dict[str, Any] = {"extra": "forbid", "strict": True}
Cap = Literal["order_quote_max", "position_quote_max", "daily_loss_quote_max", "drawdown_quote_max"]
QuarantineVerb = Literal["adopt", "ignore", "close"]
# A desk that does not know better pauses what is disabled and resumes what is enabled.
_DISABLING: dict[str, tuple[str, dict[str, str]]] = {
    "enable": ("resume", {"enabled": "yes"}),
    "disable": ("pause", {"enabled": "no"}),
}

# What sets a bot running: for a user who is disabled nobody may ask it. What stops, closes or takes back lowers risk;
# whose a thing is that is there already changes none. Both stay allowed.
_NEW_RISK = frozenset({"resume", "reset"})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why; it is kept in the audit log."""

    __pydantic_config__: ClassVar[dict[str, Any]] = EXACT

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """What stands in quarantine by these ids. `bot_id` is who shall own an order that is adopted."""

    __pydantic_config__: ClassVar[dict[str, Any]] = EXACT

    account_id: UUID
    venue_id: str
    bot_id: UUID | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """`venue_id` says: the venue shows it nowhere, I looked there, it is gone."""

    __pydantic_config__: ClassVar[dict[str, Any]] = EXACT

    reason: str = ""
    venue_id: str | None = None


@dataclass(frozen=True, slots=True)
class Preferences:
    __pydantic_config__: ClassVar[dict[str, Any]] = EXACT

    risk_profile: RiskProfile
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wished:
    """What is not named stays as it is; a cap that is null is taken away."""

    __pydantic_config__: ClassVar[dict[str, Any]] = EXACT

    risk_profile: RiskProfile | None = None
    caps: dict[Cap, str | None] = field(default_factory=dict)
    enabled: bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and through which store they write."""

    principal: Principal
    store: Store

    def opened(self, action: str) -> AbstractContextManager[Tx]:
        """What they may see, for one question."""
        sees_all = self.principal.role == "admin"
        return self.store.oversight(action) if sees_all else self.store.single(action)

    def owner_of(self, account: UUID) -> Store:
        """The store of the tenant whose account it is, if they may see it."""
        with self.opened("look whose account it is") as tx:
            owner = bot_pages.load_owner(tx, account)
        if owner is None:
            raise errors.NotFound(noun="account", key=account)
        return self.store.of(owner)


def ask_bot(asker: Asker, bot_id: UUID, verb: BotVerb, body: Reason, key: str) -> Command:
    """Ask the desk of a bot for something; it obeys at its next tick, and the outcome stands in the command."""
    bot = _find_bot(asker, bot_id)
    told, arguments = _DISABLING.get(verb, (verb, {}))
    return _record(asker, bot.account_id, bot_id, told, arguments, body.reason, key)


def ask_quarantine(asker: Asker, verb: QuarantineVerb, body: Decided, key: str) -> Command:
    """Decide on an order or a fill that is not ours."""
    if body.bot_id is not None and _find_bot(asker, body.bot_id).account_id != body.account_id:
        raise errors.InvalidRequest(detail="the bot is not one of that account")
    return _record(asker, body.account_id, body.bot_id, verb, {"venue_id": body.venue_id}, body.reason, key)


def ask_cancel(asker: Asker, order_id: UUID, body: Cancelled, key: str) -> Command:
    """Ask the desk of an order to take it back."""
    with asker.opened("look for the order") as tx:
        found = order_pages.load_orders_by_id(tx, [order_id])
    if not found:
        raise errors.NotFound(noun="order", key=order_id)
    arguments = {"client_order_id": found[0].client_order_id}
    if body.venue_id is not None:
        arguments["venue_id"] = body.venue_id
    return _record(asker, found[0].account_id, found[0].bot_id, "cancel", arguments, body.reason, key)


def save_settings(asker: Asker, body: Preferences) -> UserSettings:
    """What the tenant wishes from now on."""
    # Desks take no new risk by caps that they cannot read: better to refuse them here.
    _, faults = parse_caps(body.settings)
    if faults:
        raise errors.InvalidRequest(detail="; ".join(faults))
    with asker.store.single("save the settings") as tx:
        return user_settings.record_settings(tx, body.risk_profile, body.settings, actor=asker.principal.name)


def change_wishes(asker: Asker, body: Wished) -> UserSettings:
    """Another risk profile, other caps, whether anything new is begun at all: what is not named stays as it is."""
    asked: dict[str, str | None] = {str(name): cap for name, cap in body.caps.items()}
    caps, faults = parse_caps(asked)
    if faults:
        raise errors.InvalidRequest(detail="; ".join(faults))
    by = {"actor": asker.principal.name, "reason": body.reason}
    with asker.store.transaction("change what the user wishes") as tx:
        if not user_settings.is_enrolled(tx):
            raise errors.NotFound(noun="user", key=asker.principal.name)
        if body.risk_profile is not None or asked:
            wanted = {name: caps.get(name) for name in asked}
            users.record_wishes(tx, risk_profile=body.risk_profile, caps=wanted, **by)
        if body.enabled is not None:
            users.record_enabled(tx, enabled=body.enabled, **by)
        return user_settings.load_settings(tx)


def _record(
    asker: Asker,
    account: UUID,
    bot: UUID | None,
    verb: str,
    arguments: dict[str, str],
    reason: str,
    key: str,
) -> Command:
    wish = Wish(
        account=account,
        bot=bot,
        verb=verb,
        arguments=arguments,
        requested_by=asker.principal.name,
        reason=reason,
        is_new_risk=verb in _NEW_RISK,
    )
    return operation_pages.record_wish(asker.owner_of(account), wish, key)


def _find_bot(asker: Asker, bot_id: UUID) -> Bot:
    with asker.opened("look for the bot") as tx:
        return bot_pages.load_bot_status(tx, bot_id)
