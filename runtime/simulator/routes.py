"""The route table: every path of the venue, in one place.

Pure; touches nothing. A row says who may call it and which function does the work.
"""

from collections.abc import Callable
from dataclasses import dataclass

from runtime.simulator import mix, public, spot
from runtime.simulator.calls import Call
from runtime.simulator.floor import Floor

Work = Callable[[Floor, Call], object]


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    product: str
    work: Work
    signed: bool = True


ROUTES = (
    Route("GET", "/api/v2/public/time", "", public.fetch_time, signed=False),
    Route("GET", "/api/v3/account/settings", "", public.refuse_unified),
    Route("GET", "/api/v2/margin/currencies", "", public.list_margin_currencies, signed=False),
    Route("GET", "/api/v2/spot/public/coins", "spot", public.list_coins, signed=False),
    Route("GET", "/api/v2/spot/public/symbols", "spot", public.list_symbols, signed=False),
    Route("GET", "/api/v2/spot/market/tickers", "spot", public.list_spot_tickers, signed=False),
    Route("GET", "/api/v2/spot/market/orderbook", "spot", public.fetch_spot_book, signed=False),
    Route("GET", "/api/v2/spot/market/candles", "spot", public.list_spot_candles, signed=False),
    Route(
        "GET", "/api/v2/spot/market/history-candles", "spot", public.list_spot_history_candles, signed=False
    ),
    Route("POST", "/api/v2/spot/trade/place-order", "spot", spot.place_order),
    Route("POST", "/api/v2/spot/trade/cancel-order", "spot", spot.cancel_order),
    Route("GET", "/api/v2/spot/trade/orderInfo", "spot", spot.fetch_order),
    Route("GET", "/api/v2/spot/trade/unfilled-orders", "spot", spot.list_open_orders),
    Route("GET", "/api/v2/spot/trade/history-orders", "spot", spot.list_history_orders),
    Route("GET", "/api/v2/spot/trade/fills", "spot", spot.list_fills),
    Route("GET", "/api/v2/spot/account/assets", "spot", spot.list_assets),
    Route("GET", "/api/v2/mix/market/contracts", "mix", public.list_contracts, signed=False),
    Route("GET", "/api/v2/mix/market/ticker", "mix", public.list_mix_tickers, signed=False),
    Route("GET", "/api/v2/mix/market/tickers", "mix", public.list_mix_tickers, signed=False),
    Route("GET", "/api/v2/mix/market/merge-depth", "mix", public.fetch_mix_book, signed=False),
    Route("GET", "/api/v2/mix/market/candles", "mix", public.list_mix_candles, signed=False),
    Route("GET", "/api/v2/mix/market/history-candles", "mix", public.list_mix_history_candles, signed=False),
    Route("POST", "/api/v2/mix/order/place-order", "mix", mix.place_order),
    Route("POST", "/api/v2/mix/order/cancel-order", "mix", mix.cancel_order),
    Route("GET", "/api/v2/mix/order/detail", "mix", mix.fetch_order),
    Route("GET", "/api/v2/mix/order/orders-pending", "mix", mix.list_open_orders),
    Route("GET", "/api/v2/mix/order/orders-history", "mix", mix.list_history_orders),
    Route("GET", "/api/v2/mix/order/fills", "mix", mix.list_fills),
    Route("GET", "/api/v2/mix/account/accounts", "mix", mix.list_accounts),
    Route("GET", "/api/v2/mix/account/account", "mix", mix.fetch_account),
    Route("GET", "/api/v2/mix/position/all-position", "mix", mix.list_positions),
    Route("GET", "/api/v2/mix/position/single-position", "mix", mix.list_positions),
    Route("POST", "/api/v2/mix/account/set-leverage", "mix", mix.set_leverage),
    Route("POST", "/api/v2/mix/account/set-margin-mode", "mix", mix.set_margin_mode),
    Route("POST", "/api/v2/mix/account/set-position-mode", "mix", mix.set_position_mode),
)
BY_PATH = {(route.method, route.path): route for route in ROUTES}
