"""`models` and `components` as an operator calls them, on what a desk of another process left."""

import hashlib
import json
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from runtime.__main__ import main
from runtime.domain.identity import AccountId, BotId, user_id
from runtime.learning.memory import Codec, Saved
from runtime.learning.risk_keeper import RiskKeeper
from runtime.store import components, models
from runtime.store.models import Artefact
from tests.database import Database, make_account, make_bot
from tests.store.desks import Desk, Names, open_desk

USER, ACCOUNT, BOT = "learner", "main", "trend"
GATE = {"gate": {"probability_min": "0.4", "examples_min": 40, "retrain_every": 20}}


class Operator:
    """Somebody with one bot that learned twice, and remembers."""

    def __init__(self, database: Database, capsys: pytest.CaptureFixture[str]) -> None:
        tenant = user_id(USER)
        database.rows("insert into users (user_id, name) values (%s, %s)", (tenant, USER))
        account = make_account(database, tenant, name=ACCOUNT)
        bot = make_bot(database, tenant, account, name=BOT)
        self.names = Names(tenant, AccountId(account), BotId(bot))
        self.database, self._capsys = database, capsys
        self.environ = {
            "DATABASE_URL": database.url("holdfast_bot"),
            "HOLDFAST_USER": USER,
            "HOLDFAST_ACCOUNT": ACCOUNT,
        }

    def ask(self, *argv: str, code: int = 0) -> str:
        self._capsys.readouterr()
        assert main([*argv], self.environ) == code
        said = self._capsys.readouterr()
        return said.err if code else said.out


def learn(desk: Desk, number: int) -> None:
    body = f"model {number}".encode()
    artefact = Artefact(hashlib.sha256(body).hexdigest(), len(body), "database", body)
    facts: dict[str, Any] = {
        "metrics": {"log_loss": 0.5, "base_log_loss": 0.69},
        "training_size": 30,
        "examples_seen": 40 + number,
        "promoted": True,
    }
    with desk.store.single("record a model") as tx:
        saved = Saved(1, Codec.NPZ, body)
        models.record_model(tx, desk.fence, desk.bot_id, "ml:momentum:gate", saved, artefact, **facts)


@pytest.fixture
def operator(database: Database, capsys: pytest.CaptureFixture[str]) -> Operator:
    made = Operator(database, capsys)
    with open_desk(database.secret("holdfast_bot"), made.names) as desk:
        learn(desk, 1)
        learn(desk, 2)
        for wins in range(3):
            with desk.store.single("save a component") as tx:
                keeper = RiskKeeper(wins=wins).save()
                components.record_state(
                    tx, desk.fence, desk.bot_id, "risk_keeper", keeper, counted={}, kept=5
                )
    database.rows("update bots set strategy = 'momentum', parameters = %s", (Jsonb(GATE),))
    return made


def test_models__tell_what_is_used_what_it_is_worth_and_when_the_bot_learns_next(operator: Operator) -> None:
    newest, former = json.loads(operator.ask("models", "--json"))
    assert (newest["version"], newest["promoted"], newest["previous"]) == (2, True, 1)
    assert (former["version"], former["promoted"], former["place"]) == (1, False, "database")
    assert newest["metrics"] == {"log_loss": "0.5", "base_log_loss": "0.69"}
    assert newest["sha256"] == hashlib.sha256(b"model 2").hexdigest()
    # Nothing of the forty-two is there any more: it counts from what is.
    assert (newest["can_train"], newest["examples"], newest["until_next_training"]) == (False, 0, 40)
    table = operator.ask("models")
    assert "0.5000  0.6900" in table
    assert "until-next-training" in table
    assert operator.ask("models", "--bot", "nobody") == ""


def test_models__tell_of_bots_that_learned_nothing_yet_and_mix_up_none_of_one_name(
    operator: Operator,
) -> None:
    tenant, ((name,),) = operator.names.tenant, operator.database.rows("select name from bots")
    other = make_bot(
        operator.database,
        tenant,
        make_account(operator.database, tenant),
        name=name,
        parameters={"gate": {"probability_min": "0.5", "examples_min": 9}},
    )
    table = [line.split() for line in operator.ask("models").splitlines()]
    due = sorted(line[-2:] for line in table if line[:2] == [name, "ml:momentum:gate"] and len(line) == 4)
    assert due == [["0", "40"], ["0", "9"]]
    assert operator.database.rows("select 1 from models where bot_id = %s", (other,)) == []


def test_components__tell_how_old_they_are_and_whether_they_are_whole(operator: Operator) -> None:
    (told,) = json.loads(operator.ask("components", "--json"))
    assert (told["component"], told["version"], told["kept"], told["whole"]) == ("risk_keeper", 3, 3, 3)
    assert told["is_whole"]
    assert told["age_seconds"] >= 0
    operator.database.rows("update component_states set body = 'x' where version = 3")
    (told,) = json.loads(operator.ask("components", "--json"))
    assert (told["is_whole"], told["whole"]) == (False, 2)
    assert "NOT THE NEWEST, 2 of 3" in operator.ask("components")


def test_models__are_promoted_and_taken_back_by_commands(operator: Operator) -> None:
    operator.ask("models", "promote", "--bot", BOT, "--version", "1", "--reason", "it was better")
    operator.ask("models", "rollback", "--bot", BOT)
    rows = operator.database.rows(
        "select verb, arguments, reason, status, bot_id from commands order by requested_at"
    )
    assert rows == [
        ("promote", {"version": "1"}, "it was better", "pending", operator.names.bot_id),
        ("rollback", {}, "", "pending", operator.names.bot_id),
    ]


def test_models__get_names_of_old_which_are_in_the_audit_log(operator: Operator) -> None:
    said = operator.ask("models", "alias", "--bot", BOT, "--alias", "tml:model")
    assert said == f"tml:model stands for ml:momentum:gate of {BOT}.\n"
    assert "already" in operator.ask("models", "alias", "--bot", BOT, "--alias", "tml:model")
    assert operator.database.rows("select alias, name from model_aliases") == [
        ("tml:model", "ml:momentum:gate")
    ]
    assert operator.database.rows("select action from audit_log") == [("model alias",)]


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("promote", "--version", "1"), "--bot must name one of"),
        (("promote", "--bot", "nobody", "--version", "1"), "--bot must name one of"),
        (("promote", "--bot", "nobody"), "say which --version"),
        (("alias", "--bot", "nobody"), "say which --alias"),
    ],
)
def test_models__what_is_not_said_is_asked_for(operator: Operator, argv: tuple[str, ...], why: str) -> None:
    assert why in operator.ask("models", *argv, code=3)
