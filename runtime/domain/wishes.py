"""What a user wishes of all their bots together: whether they may take new risk, how much of it, and a few caps.

Pure. A profile says how large: it never raises what a bot may lose, and caps hold whatever the profile is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from runtime.domain import money
from runtime.domain.risk import Limits

# What each makes of a bot's own limits: of the sizes, and of the losses.
PROFILES: Mapping[str, tuple[Decimal, Decimal]] = {
    "conservative": (Decimal("0.5"), Decimal("0.5")),
    "balanced": (Decimal(1), Decimal(1)),
    "aggressive": (Decimal("1.5"), Decimal(1)),
}
SIZES = ("order_quote_max", "position_quote_max")
LOSSES = ("daily_loss_quote_max", "drawdown_quote_max")
CAPS = (*SIZES, *LOSSES)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What everybody begins with changes nothing."""

    enabled: bool = True
    risk_profile: str = "balanced"
    caps: Mapping[str, Decimal] = field(default_factory=dict)
    fault: str = ""  # why they cannot be used, if they cannot

    @property
    def objection(self) -> str | None:
        """Why none of the user's bots may take new risk."""
        if self.fault:
            return f"the user's settings cannot be used: {self.fault}"
        return None if self.enabled else "the user is disabled: exits go on, nothing new is begun"


def parse(*, enabled: bool, risk_profile: str | None, settings: Mapping[str, object]) -> Wishes:
    """As the ledger has them. Whoever finds them spoiled trades no new risk by them, and says why."""
    profile = risk_profile or "balanced"
    caps, faults = parse_caps(settings)
    if profile not in PROFILES:
        faults = (f"the risk profile {profile!r:.40} is not one of {', '.join(PROFILES)}", *faults)
    return Wishes(enabled, profile, caps, "; ".join(faults))


def parse_caps(settings: Mapping[str, object]) -> tuple[dict[str, Decimal], tuple[str, ...]]:
    """The caps among a user's settings, and every fault at once. Settings of other names are the user's own."""
    caps: dict[str, Decimal] = {}
    faults: list[str] = []
    for name in CAPS:
        if settings.get(name) is None:
            continue
        try:
            caps[name] = money.parse(settings[name])
        except ValueError as fault:
            faults.append(f"{name}: {fault}")
            continue
        if caps[name] < 0:
            faults.append(f"{name} is {caps[name]}, below zero")
    return caps, tuple(faults)


def narrow(limits: Limits, wishes: Wishes) -> Limits:
    """A bot's limits as they are under its user's wishes."""
    if wishes.risk_profile == "balanced" and not wishes.caps:
        return limits
    sizes, losses = PROFILES.get(wishes.risk_profile, PROFILES["balanced"])
    changed: dict[str, Decimal] = {}
    for names, part in ((SIZES, sizes), (LOSSES, losses)):
        for name in names:
            own, cap = getattr(limits, name), wishes.caps.get(name)
            scaled = None if own is None else money.product(own, part)
            known = [each for each in (scaled, cap) if each is not None]
            if known:
                changed[name] = min(known)
    return replace(limits, **changed)  # type: ignore[arg-type]
