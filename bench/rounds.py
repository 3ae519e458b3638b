"""Times cases against each other: they take turns in every round, so that what disturbs one disturbs all."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping

Case = Callable[[], object]


def alternate(
    cases: Mapping[str, Case], *, rounds: int, repeats: int, warm: int = 10
) -> dict[str, list[float]]:
    """Seconds of one run of each case: the median of its repeats, for every round."""
    for case in cases.values():
        for _ in range(warm):
            case()
    medians: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds):
        order = list(cases.items())
        for name, case in order if number % 2 == 0 else reversed(order):
            medians[name].append(_median_seconds(case, repeats))
    return medians


def ratio(seconds: Mapping[str, list[float]], over: str, under: str) -> float:
    """The median over the rounds of how much longer one takes than the other in the same round."""
    pairs = zip(seconds[over], seconds[under], strict=True)
    return statistics.median(longer / shorter for longer, shorter in pairs)


def typical(seconds: list[float]) -> float:
    return statistics.median(seconds)


def _median_seconds(case: Case, repeats: int) -> float:
    taken = []
    gc.collect()
    for _ in range(repeats):
        began = time.perf_counter()
        case()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)
