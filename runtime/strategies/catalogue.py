"""Which strategies there are. A bot's row names one of them; nothing is found by scanning or by import."""

from collections.abc import Callable, Mapping

from runtime import errors
from runtime.domain import gate
from runtime.domain.decision import Strategy
from runtime.strategies.grid import Grid
from runtime.strategies.mean_reversion import MeanReversion
from runtime.strategies.momentum import Momentum

STRATEGIES: Mapping[str, Callable[[Mapping[str, object], tuple[str, ...]], Strategy]] = {
    "grid": Grid.parse,
    "mean_reversion": MeanReversion.parse,
    "momentum": Momentum.parse,
}


def build(name: str, parameters: Mapping[str, object], symbols: tuple[str, ...]) -> Strategy:
    """The strategy of that name, or BadInput with every fault of its parameters at once."""
    parse = STRATEGIES.get(name)
    if parse is None:
        remedy = f"The known ones are {', '.join(STRATEGIES)}."
        raise errors.BadInput(
            where=f"The strategy {name!r:.60}", detail="there is none of that name", remedy=remedy
        )
    if not symbols or len(set(symbols)) < len(symbols):
        remedy = "Name one or more symbols, each of them once."
        raise errors.BadInput(
            where=f"The symbols of {name}", detail=f"they are {list(symbols)!r:.200}", remedy=remedy
        )
    gate.parse(parameters)  # the bot's, not the strategy's, but what is wrong with it is said here too
    return parse(gate.without(parameters), symbols)
