"""The sample scorer: ranks the bots of a user by what they won in the last days for each unit of their deepest fall.

A run is requested, begun, and filled and completed in one transaction that holds its row. Whoever is killed lets go of
the row, so the next run finds what stands as running with nobody behind it, and says that it failed.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from runtime import errors, logs
from runtime.domain import scoring as rules
from runtime.domain.performance import Performance
from runtime.store import reports, scoring
from runtime.store.pool import Store, Tx
from runtime.store.reports import Scope, Standing
from runtime.store.scoring import Ranked, Score

SCORER = "sample"
PERIOD = "30d"
BATCH = 500
RANKED_MAX = 1000
ABANDONED = "its scorer was gone before it was completed"


def score_once(store: Store) -> UUID:
    """One run from its request to its end; one that waits already is taken first. Raises what made it fail."""
    with store.transaction("begin a scoring run") as tx:
        for abandoned in scoring.fail_abandoned(tx, SCORER, ABANDONED):
            logs.warning("a scoring run was abandoned", run=abandoned)
        run_id = scoring.find_pending(tx, SCORER) or scoring.request_run(tx, SCORER)
    with store.single("begin a scoring run") as tx:
        if not scoring.start_run(tx, run_id):
            raise errors.Conflict(detail=f"the scoring run {run_id} was begun by somebody else")
    try:
        with store.transaction("score the bots") as tx:
            _score(tx, run_id, datetime.now(UTC))
    except errors.BotError as fault:
        _fail(store, run_id, str(fault))
        raise
    return run_id


@contextmanager
def regularly(store: Store, every_seconds: float) -> Iterator[None]:
    """In a thread beside whatever the caller does. A run that fails says so, and the next one comes in its time."""
    stop = threading.Event()

    def turn() -> None:
        while not stop.wait(every_seconds):
            try:
                score_once(store)
            except errors.BotError as fault:
                logs.warning("the bots were not scored", detail=str(fault))

    thread = threading.Thread(target=turn, name="scorer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _score(tx: Tx, run_id: UUID, now: datetime) -> None:
    if not scoring.hold_run(tx, run_id):
        raise errors.Conflict(detail=f"the scoring run {run_id} is not running any more")
    since = Scope.of(PERIOD, now).since
    assert since is not None, "the period has a beginning"
    board, falls = reports.load_leaderboard(tx, since), scoring.load_falls(tx, since)
    bots = {f"{each.account}/{each.bot}": each for each in board}
    judged = {
        trader: rules.score(each.performance, falls.get(each.bot_id, Decimal(0)))
        for trader, each in bots.items()
    }
    scores = [
        Score(place.trader, each.bot_id, place.rank, place.score, _metrics(each, falls.get(each.bot_id)))
        for place in rules.rank(judged)
        for each in (bots[place.trader],)
    ]
    for first in range(0, len(scores), BATCH):
        scoring.record_scores(tx, run_id, scores[first : first + BATCH])
    scoring.complete_run(tx, run_id)


def _metrics(of: Standing, fall: Decimal | None) -> dict[str, str | int | None]:
    did: Performance = of.performance
    figures = {
        "result": did.result,
        "win_rate": did.win_rate,
        "profit_factor": did.profit_factor,
        "expectancy": did.expectancy,
        "deepest_fall": fall,
    }
    told = {name: None if value is None else f"{value:f}" for name, value in figures.items()}
    return {"strategy": of.strategy, "period": PERIOD, "trades": did.trades, **told}


def _fail(store: Store, run_id: UUID, reason: str) -> None:
    try:
        with store.single("say that a scoring run failed") as tx:
            scoring.fail_run(tx, run_id, reason)
    except errors.Retry as fault:
        # It stands as running with nobody behind it, and the next run says so.
        logs.warning("a failed scoring run could not be told", run=run_id, detail=str(fault))


def load_ranked(store: Store, count: int = RANKED_MAX) -> list[Ranked]:
    with store.single("load the ranked traders") as tx:
        return scoring.load_ranked(tx, SCORER, count=count)
