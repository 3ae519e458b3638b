"""What a user's wishes make of the limits of each bot: as they are, and as they would be if others were wished."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from runtime import errors
from runtime.domain import money, risk
from runtime.domain import wishes as rules
from runtime.domain.wishes import Wishes
from runtime.store import user_settings
from runtime.store.paging import LIMIT, Page
from runtime.store.pool import Tx
from runtime.store.user_settings import RiskProfile, Told


@dataclass(frozen=True, slots=True)
class Bound:
    """`told` stands in the desk file, `now` holds, `then` would hold under what is asked for; null is no bound."""

    name: str
    told: str | None
    now: str | None
    then: str | None


@dataclass(frozen=True, slots=True)
class BotLimits:
    """`fault` is why its limits, or the user's settings, cannot be used: then it takes no new risk at all."""

    bot_id: UUID
    account: str
    bot: str
    bounds: list[Bound]
    fault: str | None


def load_limits(
    tx: Tx,
    *,
    risk_profile: RiskProfile | None = None,
    order_quote_max: str | None = None,
    position_quote_max: str | None = None,
    daily_loss_quote_max: str | None = None,
    drawdown_quote_max: str | None = None,
    limit: int = LIMIT,
    after: str | None = None,
) -> Page[BotLimits]:
    """What the user's wishes bound of each bot; with a risk profile, and caps, what others would make of it."""
    caps = {
        "order_quote_max": order_quote_max,
        "position_quote_max": position_quote_max,
        "daily_loss_quote_max": daily_loss_quote_max,
        "drawdown_quote_max": drawdown_quote_max,
    }
    asked = _asked(risk_profile, caps)
    page = user_settings.load_limits(tx, limit=limit, after=after)
    return Page([_bounded(each, asked) for each in page.items], page.next)


def _asked(profile: RiskProfile | None, caps: Mapping[str, str | None]) -> Wishes | None:
    """None where nothing else is asked for than what is."""
    parsed, faults = rules.parse_caps(caps)
    if profile is None and parsed:
        faults = (*faults, "caps need the risk_profile beside which they are wished")
    if faults:
        raise errors.InvalidRequest(detail="; ".join(faults))
    return None if profile is None else Wishes(risk_profile=profile, caps=parsed)


def _bounded(of: Told, asked: Wishes | None) -> BotLimits:
    wished = rules.parse(enabled=True, risk_profile=of.risk_profile, settings=of.settings)
    own, faults = risk.parse_limits(of.limits)
    fault = "; ".join(each for each in (*faults, wished.fault) if each) or None
    if own is None:
        return BotLimits(of.bot_id, of.account, of.bot, [], fault)
    now, then = rules.narrow(own, wished), None if asked is None else rules.narrow(own, asked)
    bounds = [
        Bound(
            name,
            _text(getattr(own, name)),
            _text(getattr(now, name)),
            None if then is None else _text(getattr(then, name)),
        )
        for name in rules.CAPS
    ]
    return BotLimits(of.bot_id, of.account, of.bot, bounds, fault)


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{money.canonical(amount):f}"
