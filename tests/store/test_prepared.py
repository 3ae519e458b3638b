"""What a session has prepared may be let go by the driver; whoever asks next notices nothing of it."""

import pytest

from runtime import errors
from runtime.store import bots
from tests.database import Database
from tests.store.desks import Names, open_desk


def test_single__answers_after_a_transaction_of_the_same_session_was_rolled_back(
    database: Database, names: Names
) -> None:
    with open_desk(database.secret("holdfast_bot"), names, pool_max=1) as desk:

        def look() -> int:
            with desk.store.single("look for the bots") as tx:
                return len(bots.load_bots(tx, desk.account_id))

        assert look() == 1
        for _ in range(3):
            with (
                pytest.raises(errors.BrokenInvariant, match="division by zero"),
                desk.store.transaction("fail") as tx,
            ):
                tx.rows("select 1 / (count(*) - count(*)) from bots")
            with desk.store.transaction("go on") as tx:
                assert len(bots.load_bots(tx, desk.account_id)) == 1
            assert look() == 1
