"""One client of one venue behind its door, with its clock and the symbols that were listed.

What the adapter's reads and its submission share: the place where a client's exceptions become errors of ours, and the
checks by which a row may be believed.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import localcontext
from typing import Any

import ccxt

from runtime import errors
from runtime.domain.market import Market, MarketKind, VenueOrder
from runtime.exchanges import answers, faults, readings, safety
from runtime.exchanges.clock import VenueClock
from runtime.exchanges.door import Door
from runtime.exchanges.faults import FOREIGN
from runtime.exchanges.line import Adapter, Line
from runtime.exchanges.profiles import Profile
from runtime.exchanges.readings import Raw, Unreadable
from runtime.settings import Secret

KEY_REMEDY = (
    "Check HOLDFAST_VENUE_KEY, HOLDFAST_VENUE_SECRET and HOLDFAST_VENUE_PASSPHRASE, "
    "what the key may do, and from which address."
)
CORRECT_SYMBOLS = "Correct the desk's symbols."
ONE_WAY_REMEDY = "Close its positions and orders there, and set its position mode to one-way."


@dataclass(frozen=True, slots=True)
class Credentials:
    key: Secret
    secret: Secret
    passphrase: Secret

    def reveal(self) -> tuple[str, str, str]:
        return self.key.reveal(), self.secret.reveal(), self.passphrase.reveal()


class Connection:
    """Every call of the client goes through `client`, and every reply of it is seen by `door`."""

    def __init__(
        self,
        profile: Profile,
        credentials: Credentials,
        *,
        base_url: str | None,
        request_timeout_seconds: float,
        live: bool,
    ) -> None:
        safety.allow(profile, base_url, live=live)
        self.profile = profile
        self.secrets = credentials.reveal()
        line = Line(request_timeout_seconds)
        self.client = _build_client(profile, self.secrets, base_url, line)
        self.clock = VenueClock(self.client.fetch_time)
        self.listed: dict[str, readings.Listed] = {}
        self._origins = safety.origins(profile, base_url)
        self.door = Door(self.client, profile, self.clock, self._origins, line)

    def assert_safe(self) -> None:
        safety.assert_safe(self.client, self.profile, self._origins)

    def load(self, symbols: Sequence[str]) -> None:
        with self.reading("load the markets"):
            loaded = readings.table(self.client.load_markets(True), "markets")
            self.listed = {symbol: self._list(symbol, loaded.get(symbol)) for symbol in symbols}

    def require_one_way(self) -> None:
        """In hedge mode an order that is to close a position would open another one beside it."""
        if self.profile.position_mode is None or not self.listed:
            return
        name, wanted = self.profile.position_mode
        with self.reading("look up the account's position mode"):
            terms = readings.table(self.client.fetch_leverage(next(iter(self.listed))), "terms")
            mode = readings.identifier(readings.table(terms.get("info"), "terms").get(name), "position mode")
        if mode != wanted:
            raise self.unsafe("its account is in hedge mode", ONE_WAY_REMEDY)

    @contextmanager
    def reading(self, action: str) -> Iterator[None]:
        """The one place where what a client raises on a read becomes an error of ours."""
        try:
            with (
                localcontext()
            ):  # the client changes how this thread rounds and what it traps, and leaves it so
                yield
        except errors.BotError:
            raise
        except FOREIGN as exc:
            said = self.verdict()
            detail = f"it answered {said.code}: {said.message}" if said.code else faults.describe(exc)
            facts = {"venue": self.profile.venue, "action": action, "detail": detail}
            is_distrusted = faults.is_distrust(exc)
        else:
            return
        # From nothing, so that no traceback drags the client's own text, and its addresses, along.
        if answers.why(said, self.profile.rate_limit_codes):
            raise errors.RateLimited(**facts) from None
        if answers.why(said, self.profile.access_codes):
            raise self.unsafe(f"to {action}, {detail}", KEY_REMEDY) from None
        raise (errors.VenueUntrusted if is_distrusted else errors.VenueUnavailable)(**facts) from None

    def verdict(self) -> answers.Verdict:
        """What the venue said of itself in its newest reply."""
        if self.door.reply is None:
            return answers.Verdict("", "")
        return answers.verdict(self.profile, self.door.reply, self.secrets)

    def told(self) -> list[Any]:
        """The rows of the newest reply, as the venue sent them."""
        return answers.rows(self.profile, self.door.body)

    def counted(self, parsed: object) -> list[Raw]:
        """What the client made of a listing, provided that it dropped nothing but repetitions."""
        told = self.told()
        complete = (len(told), len({repr(row) for row in told}))
        if not isinstance(parsed, list) or len(parsed) not in complete:
            raise Unreadable("list", "rows were lost")
        return [readings.table(each, "row") for each in parsed]

    def look_up(self, symbol: str, venue_order_id: str, params: Mapping[str, str]) -> object:
        """The client's order, or None if the venue proved that it knows none."""
        try:
            return self.client.fetch_order(venue_order_id, symbol, dict(params))
        except ccxt.OrderNotFound:
            said = self.verdict()
            empty = not said.code and self.door.body is not None and self.told() == []
            if empty or answers.why(said, self.profile.not_found_codes):
                return None
            raise

    def rules(self, symbol: str) -> readings.Listed:
        listed = self.listed.get(symbol)
        if listed is None:
            raise Unreadable("symbol", "it was not connected")
        return listed

    def is_of(self, raw: Raw, symbols: Sequence[str]) -> bool:
        """Whether a row is of one of these symbols; a row of no symbol that exists must not be passed over."""
        symbol = raw.get("symbol")
        if not isinstance(symbol, str) or symbol not in self.client.markets:
            raise Unreadable("symbol")
        return symbol in symbols

    def order(self, raw: Raw, symbol: str) -> VenueOrder:
        if raw.get("symbol") != symbol:
            raise Unreadable("symbol")
        return readings.order(
            raw,
            self.rules(symbol),
            needs_client_id=self.profile.rows_carry_client_id,
            closed_in_part=self.profile.closed_in_part,
        )

    def unsafe(self, detail: str, remedy: str) -> errors.VenueUnsafe:
        return errors.VenueUnsafe(venue=self.profile.venue, detail=detail, remedy=remedy)

    def unavailable(self, action: str, detail: str) -> errors.VenueUnavailable:
        return errors.VenueUnavailable(venue=self.profile.venue, action=action, detail=detail)

    def _list(self, symbol: str, raw: object) -> readings.Listed:
        if raw is None:
            raise self.unsafe(f"it lists no {self.profile.kind} market {symbol}", CORRECT_SYMBOLS)
        described = readings.table(raw, "market")
        wanted = "spot" if self.profile.kind is MarketKind.SPOT else "linear"
        if described.get(wanted) is not True or described.get("active") is False:
            raise self.unsafe(f"{symbol} is not traded there as {wanted}", CORRECT_SYMBOLS)
        if wanted == "linear" and described.get("settle") != described.get("quote"):
            raise self.unsafe(f"{symbol} is not settled in its quote coin", CORRECT_SYMBOLS)
        return readings.listed(described, self.profile.kind)

    def markets(self) -> dict[str, Market]:
        return {symbol: listed.market for symbol, listed in self.listed.items()}


def _build_client(profile: Profile, secrets: tuple[str, str, str], base_url: str | None, line: Line) -> Any:
    key, secret, passphrase = secrets
    client = getattr(ccxt, profile.venue)(
        {
            "apiKey": key,
            "secret": secret,
            "password": passphrase,
            "timeout": max(1, int(line.request_seconds_max * 1000)),
            "enableRateLimit": False,
        }
    )
    client.number = str
    client.options.update(profile.options)
    client.has["fetchCurrencies"] = False  # one request less; coins are named by the markets
    client.session.max_redirects = 0
    for scheme in ("http://", "https://"):
        client.session.mount(scheme, Adapter(line))
    if base_url:
        _redirect(client.urls["api"], base_url.rstrip("/"))
    return client


def _redirect(addresses: dict[str, Any], base_url: str) -> None:
    for name, each in addresses.items():
        if isinstance(each, dict):
            _redirect(each, base_url)
        else:
            addresses[name] = base_url
