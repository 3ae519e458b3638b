"""A scoring run moves one way, is begun once, and counts only when it is completed; tenants see their own."""

from collections.abc import Iterator
from decimal import Decimal
from threading import Barrier, Thread

import psycopg
import pytest

from runtime.store import scoring
from runtime.store.pool import Store
from runtime.store.scoring import Score
from tests.database import Database
from tests.store.desks import Desk, make_names, open_desk

SCORER = "sample"


def score(rank: int, trader: str | None = None) -> Score:
    return Score(
        trader or f"trader {rank}", None, rank, Decimal(100 - rank), {"trades": rank, "win_rate": "0.5"}
    )


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    with open_desk(database.secret("holdfast_bot"), make_names(database)) as desk:
        yield desk


@pytest.fixture
def store(desk: Desk) -> Store:
    return desk.store


def test_run__its_scores_count_only_when_it_is_completed(store: Store) -> None:
    with store.transaction("score") as tx:
        run = scoring.request_run(tx, SCORER)
        assert scoring.record_scores(tx, run, [score(1)]) == 0, "it has not begun"
        assert scoring.start_run(tx, run)
        assert scoring.record_scores(tx, run, [score(1), score(2)]) == 2
        assert scoring.record_scores(tx, run, [score(3)]) == 1
        assert scoring.load_ranked(tx, SCORER, count=10) == []
        assert scoring.complete_run(tx, run)
        ranked = scoring.load_ranked(tx, SCORER, count=2)
        assert [each.score for each in ranked] == [score(1), score(2)]
        assert [each.score.rank for each in scoring.load_ranked(tx, SCORER, count=10, after=2)] == [3]
        (found,) = scoring.load_runs(tx, SCORER, count=10)
        assert (found.status, found.trader_count, found.error) == ("completed", 3, None)


def test_run__that_fails_leaves_the_one_before_in_place(store: Store) -> None:
    with store.transaction("score") as tx:
        first = scoring.request_run(tx, SCORER)
        scoring.start_run(tx, first)
        scoring.record_scores(tx, first, [score(1, "the good one")])
        scoring.complete_run(tx, first)
        second = scoring.request_run(tx, SCORER)
        scoring.start_run(tx, second)
        scoring.record_scores(tx, second, [score(1, "half a list")])
        assert scoring.fail_run(tx, second, "the market was closed")
        assert not scoring.complete_run(tx, second)
        assert [each.score.trader for each in scoring.load_ranked(tx, SCORER, count=9)] == ["the good one"]
        assert scoring.load_runs(tx, SCORER, count=1)[0].error == "the market was closed"


def test_run__is_begun_by_one_of_many(store: Store) -> None:
    with store.single("score") as tx:
        run = scoring.request_run(tx, SCORER)
    together, began = Barrier(4), []

    def begin() -> None:
        together.wait()
        with store.single("score") as tx:
            began.append(scoring.start_run(tx, run))

    threads = [Thread(target=begin) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(began) == [False, False, False, True]


def test_run__goes_one_way_whatever_is_written(database: Database, store: Store) -> None:
    with store.transaction("score") as tx:
        run = scoring.request_run(tx, SCORER)
        scoring.start_run(tx, run)
        scoring.complete_run(tx, run)
        assert not scoring.start_run(tx, run)
        assert not scoring.fail_run(tx, run, "too late")
    with (
        psycopg.connect(database.url()) as owner,
        pytest.raises(psycopg.errors.CheckViolation, match="does not go"),
    ):
        owner.execute("update holdfast.scoring_runs set status = 'running', finished_at = null")


def test_ranked__are_a_tenants_own(database: Database, store: Store) -> None:
    with store.transaction("score") as tx:
        run = scoring.request_run(tx, SCORER)
        scoring.start_run(tx, run)
        scoring.record_scores(tx, run, [score(1)])
        scoring.complete_run(tx, run)
    with (
        open_desk(database.secret("holdfast_bot"), make_names(database)) as stranger,
        stranger.store.transaction("score") as tx,
    ):
        assert scoring.load_ranked(tx, SCORER, count=9) == []
        assert scoring.load_runs(tx, SCORER, count=9) == []
        assert not scoring.fail_run(tx, run, "not yours")
