"""Bitget's two profiles: spot, and perpetuals in USDT, on the classic account in one-way mode.

Pure data. Both are proved: the conformance suite runs them against the simulator, which speaks this protocol.
"""

from dataclasses import replace

from runtime.domain.market import MarketKind
from runtime.exchanges.profiles import Profile, Wire

# Codes of the gateway and of the checks before matching. "System abnormal" (40015), "service return an error" (40725),
# time-outs (40010) and maintenance are missing on purpose: behind them an order may exist.
REFUSALS = {
    "40001": "the key header was empty: nothing was authenticated",
    "40003": "the signature was empty: nothing was authenticated",
    "40004": "the request's time stamp had expired",
    "40005": "the time stamp could not be read",
    "40006": "the key is not known",
    "40007": "the content type is wrong: the body was not read",
    "40008": "the request came after its receive window, or its time stamp had expired",
    "40009": "the signature does not fit",
    "40011": "the passphrase was empty",
    "40012": "key and passphrase do not belong together",
    "40014": "the key may not trade",
    "40017": "a parameter did not pass the check",
    "40018": "the key may not be used from this address",
    "40019": "a parameter was empty",
    "40020": "a parameter was wrong",
    "40034": "the symbol or another named thing does not exist",
    "40037": "the key does not exist",
    "40305": "the client order id is too long or has odd letters",
    "40404": "there is no such path",
    "40711": "the contract account's balance does not suffice",
    "40712": "the margin does not suffice",
    "40762": "the order is worth more than the balance",
    "40774": "the order's mode is not the account's position mode",
    "40808": "size or price has too many decimals",
    "22002": "there is no position that a reduce-only order could close",
    "43011": "a parameter does not meet the specification",
    "43012": "the balance does not suffice",
    "45110": "the order is worth less than the minimum",
    "45111": "the quantity is below the minimum",
    "45113": "the order is worth more than the maximum",
}
DUPLICATES = frozenset({"40786", "40708", "43118", "45034", "50060", "25212"})
NOT_FOUND = frozenset({"40109", "40768", "43001", "43025", "31007", "25204"})
NO_ACCESS = frozenset({"40001", "40003", "40006", "40009", "40011", "40012", "40014", "40018", "40037"})
RATE_LIMITS = frozenset({"429"})
HOSTS = frozenset({"api.bitget.com"})
WIRE = Wire(quantity="size", price="price", client_id="clientOid", side="side")

# The account type is stated: left to itself the client guesses it, and a time-out is one of its guesses.
CLASSIC = {"uta": False}

SPOT = Profile(
    venue="bitget",
    kind=MarketKind.SPOT,
    proved=True,
    hosts=HOSTS,
    client_id="token32",
    client_id_reusable_after_fill=True,
    lookup_by_client_id=True,
    duplicate_codes=DUPLICATES,
    refusal_codes=REFUSALS,
    not_found_codes=NOT_FOUND,
    rate_limit_codes=RATE_LIMITS,
    access_codes=NO_ACCESS,
    receive_window_seconds=5,
    receive_window_param=True,
    history_days=90,
    page_size=100,
    wire=WIRE,
    options={**CLASSIC, "defaultType": "spot", "fetchMarkets": {"types": ["spot"]}},
    success=frozenset({"00000"}),
    payload="data",
    rows_carry_client_id=True,
    pages_by_id=True,
    account={"type": "spot"},
)
LINEAR = replace(
    SPOT,
    kind=MarketKind.LINEAR,
    receive_window_seconds=30,  # the rule for the signature's time stamp: orders here carry no window of their own
    receive_window_param=False,
    options={**CLASSIC, "defaultType": "swap", "fetchMarkets": {"types": ["swap"]}},
    list_names=("entrustedList", "fillList"),
    fills_window_days=7,
    account={"type": "swap", "productType": "USDT-FUTURES"},
    position_mode=("posMode", "one_way_mode"),
)
