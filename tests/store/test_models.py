"""Models in PostgreSQL: versions with their bytes in one statement, one promoted, fenced, and found under old names."""

import hashlib
import random
from typing import Any

import pytest

from runtime import errors
from runtime.learning.memory import Codec, Saved
from runtime.store import models
from runtime.store.models import Artefact
from tests.database import Database
from tests.proxy import Proxy
from tests.store.desks import Desk

NAME = "ml:momentum:gate"


def record(
    desk: Desk, number: int, *, promoted: bool = True, name: str = NAME, place: str = "database"
) -> int:
    body = f"model {number}".encode()
    artefact = Artefact(
        hashlib.sha256(body).hexdigest(), len(body), place, body if place == "database" else None
    )
    facts: dict[str, Any] = {
        "metrics": {"log_loss": 0.5},
        "training_size": 30,
        "examples_seen": 10 * number,
        "promoted": promoted,
    }
    with desk.store.single("record a model") as tx:
        saved = Saved(1, Codec.NPZ, body)
        return models.record_model(tx, desk.fence, desk.bot_id, name, saved, artefact, **facts)


def promote(desk: Desk, version: int, *, is_way_back: bool = False) -> None:
    with desk.store.single("promote a model") as tx:
        models.promote_model(tx, desk.fence, desk.bot_id, NAME, version, is_way_back=is_way_back)


def usable(desk: Desk, name: str = NAME) -> list[tuple[str, int, bool, int | None]]:
    with desk.store.single("load the models") as tx:
        found = models.load_usable(tx, desk.bot_id, name, 10)
    return [(each.name, each.version, each.promoted, each.previous) for each in found]


def test_record__is_one_round_trip_and_numbers_versions(line: tuple[Proxy, Desk]) -> None:
    proxy, desk = line
    assert [record(desk, number) for number in (1, 2, 3)] == [1, 2, 3]
    with proxy.counting() as trips:
        assert record(desk, 4) == 4
        assert trips() == 1


def test_record__a_promoted_one_takes_the_place_of_the_one_before(desk: Desk) -> None:
    record(desk, 1)
    record(desk, 2, promoted=False)
    record(desk, 3)
    assert usable(desk) == [(NAME, 3, True, 1), (NAME, 1, False, None)]


def test_record__of_bytes_that_are_known_keeps_them_once(database: Database, desk: Desk) -> None:
    record(desk, 1, place="folder")
    record(desk, 1)
    ((place, body),) = database.rows("select place, body from artefacts")
    assert (place, body) == ("database", b"model 1")
    with desk.store.single("read bytes") as tx:
        assert models.load_body(tx, hashlib.sha256(b"model 1").hexdigest()) == b"model 1"


def test_record__of_a_holder_that_lost_its_lease_leaves_nothing(database: Database, desk: Desk) -> None:
    record(desk, 1)
    stale = desk.with_epoch(desk.fence.epoch + 1)
    with pytest.raises(errors.LeaseLost):
        record(stale, 2)
    with pytest.raises(errors.LeaseLost):
        promote(stale, 1)
    assert database.rows("select count(*) from artefacts") == [(1,)]
    assert usable(desk) == [(NAME, 1, True, None)]


def test_promote__there_and_back(desk: Desk) -> None:
    for number in (1, 2, 3):
        record(desk, number)
    promote(desk, 1)
    assert usable(desk)[0] == (NAME, 1, True, 3)
    promote(desk, 3, is_way_back=True)
    assert usable(desk)[0] == (NAME, 3, True, 2)


def test_promote__of_a_version_that_is_none_changes_nothing(desk: Desk) -> None:
    record(desk, 1)
    with pytest.raises(errors.BrokenInvariant):
        promote(desk, 7)
    assert usable(desk) == [(NAME, 1, True, None)]


def test_promoted__is_at_most_one_of_each_name_whatever_is_done(database: Database, desk: Desk) -> None:
    dice = random.Random(3)
    for number in range(40):
        if dice.random() < 0.5 or number < 2:
            record(desk, number, promoted=dice.random() < 0.7)
        else:
            promote(desk, dice.randint(1, 2), is_way_back=dice.random() < 0.5)
        ((count,),) = database.rows("select count(*) from models where promoted")
        assert count <= 1
    assert count == 1


def test_models__of_old_names_are_found_after_those_of_the_new_one(desk: Desk) -> None:
    record(desk, 1, name="tml:model")
    assert usable(desk) == []
    for expected in (True, False):
        with desk.store.single("give a name of old") as tx:
            assert models.record_alias(tx, desk.bot_id, "tml:model", NAME, actor="operator") is expected
    assert usable(desk) == [("tml:model", 1, True, None)]
    record(desk, 2)
    assert usable(desk) == [(NAME, 1, True, None), ("tml:model", 1, True, None)]


def test_alias__is_in_the_audit_log(database: Database, desk: Desk) -> None:
    with desk.store.single("give a name of old") as tx:
        models.record_alias(tx, desk.bot_id, "tml:model", NAME, actor="somebody")
    assert database.rows("select actor, action, facts from audit_log") == [
        ("somebody", "model alias", {"alias": "tml:model", "name": NAME})
    ]


def test_models__are_listed_with_whose_they_are_and_reach_no_other_tenant(
    desk: Desk, other_desk: Desk
) -> None:
    record(desk, 1)
    record(desk, 2, promoted=False)
    with desk.store.single("list the models") as tx:
        listed = models.load_models(tx, 5)
    assert [(each.model.version, each.model.promoted, each.model.examples_seen) for each in listed] == [
        (2, False, 20),
        (1, True, 10),
    ]
    assert listed[0].model.metrics["log_loss"] == pytest.approx(0.5)
    assert listed[0].model.age_seconds >= 0
    with other_desk.store.single("list the models") as tx:
        assert models.load_models(tx, 5) == []
    with desk.store.single("look for the last training") as tx:
        assert models.load_seen(tx, desk.bot_id, NAME) == 20
