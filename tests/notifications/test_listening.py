"""`python -m runtime telegram`: the configured chat is answered and obeyed, nobody else is, and nothing twice."""

import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from runtime import errors
from runtime.domain.order import Side
from runtime.notifications.listening import Asked, Listener, load_offset, save_offset
from runtime.notifications.senders import Telegram
from runtime.settings import Secret
from runtime.telemetry import table
from runtime.telemetry.meters import Meters
from tests.engine.desk_process import DeskProcess, environment
from tests.engine.rig import USER, Rig, market
from tests.notifications.people import (
    CANARY,
    CHAT,
    CLOSES,
    DRIPS,
    SILENT,
    TOKEN,
    Manner,
    People,
    answers,
)
from tests.venue import ROOT

STRANGER = 666


class ListenerProcess(DeskProcess):
    """The role that listens, watched by its log as a desk is."""

    def start(self) -> "ListenerProcess":
        self.folder.mkdir(exist_ok=True)
        with self._log.open("wb") as log, self._complaints.open("wb") as complaints:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "runtime", "telegram"],
                cwd=ROOT,
                env=environment(HOLDFAST_DATA_DIR=str(self.folder), **self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=complaints,
            )
        return self

    def said(self) -> str:
        return self._log.read_text("utf-8") + self.complaint


@contextmanager
def listening(folder: Path, rig: Rig, people: People, **changes: str) -> Iterator[ListenerProcess]:
    settings = {
        "DATABASE_URL": rig.database.url("holdfast_bot"),
        "HOLDFAST_USER": USER,
        "HOLDFAST_TELEGRAM_URL": people.url,
        "HOLDFAST_TELEGRAM_TOKEN": TOKEN,
        "HOLDFAST_TELEGRAM_CHAT": str(CHAT),
        "HOLDFAST_LOG_LEVEL": "debug",
        "HOLDFAST_METRICS_PORT": "0",
    }
    process = ListenerProcess(folder, settings | changes).start()
    try:
        yield process
    finally:
        process.end()


def commands(rig: Rig) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = rig.database.rows(
        "select verb, bot_id, requested_by, reason from commands order by requested_at, verb"
    )
    return rows


def test_chat__is_answered_and_obeyed_with_its_name_beside(rig: Rig, people: People, tmp_path: Path) -> None:
    rig.tick()
    with listening(tmp_path / "data", rig, people) as process:
        people.hears("/status")
        people.await_count(1, "/sendMessage")
        people.hears("/pause@holdfast_bot desk one")
        people.hears("just talking")
        people.hears("/pause elsewhere")
        people.hears("/resume desk three")
        people.hears("/flatten")
        said = [each.body["text"] for each in people.await_count(5, "/sendMessage")]
        process.send(signal.SIGTERM)
        assert process.await_end() == 0
        assert CANARY not in process.said().lower()
    assert said[0].splitlines()[0] == "desk: alive, 0 unknown order(s), 0 in quarantine"
    assert "one: running, equity 0" in said[0]
    assert said[1].startswith("Written down: pause desk one.")
    assert "the accounts are: desk" in said[2]
    assert "the bots of desk are: one, two" in said[3]
    assert said[4].startswith("I know /status")
    assert {each.body["chat_id"] for each in people.asked("/sendMessage")} == {CHAT}
    assert commands(rig) == [("pause", rig.bot_id("one"), "telegram:7:ann", "asked on Telegram")]
    rig.tick()
    assert rig.bot("one")["state"] == "paused"
    assert rig.bot("two")["state"] == "running"
    assert CANARY not in str(rig.database.rows("select * from commands")).lower()


def test_chat__is_told_figures_by_the_ledger(rig: Rig, people: People, tmp_path: Path) -> None:
    rig.trade(market("in", Side.BUY, "0.02"))
    rig.tick()
    rig.trade(market("out", Side.SELL, "0.01998", reduce_only=True))
    rig.tick()
    (count, won, result) = rig.database.rows(
        "select count(*), count(*) filter (where realised > fees), round(sum(realised - fees), 2) from trades"
        " where closed_at is not null"
    )[0]
    rig.database.rows(
        "insert into phantoms (user_id, phantom_id, bot_id, at, symbol, strategy, side, executed, reason, opened_price,"
        " features, closed_at, closed_price, outcome, result) select user_id, gen_random_uuid(), bot_id, now(), 'X',"
        " 'scripted', 'buy', false, '', 1, '{}', now(), 1, 'won', 1 from bots where name = 'two'"
    )
    rig.database.rows(
        "insert into blocked_signals select user_id, bot_id, current_date, 'cooldown', 5, now() from bots"
        " where name = 'one'"
    )
    rig.database.rows(
        "insert into artefacts (user_id, digest, size, place, body) select user_id, sha256('m'), 1, 'database', 'm'"
        " from users"
    )
    rig.database.rows(
        "insert into models (user_id, bot_id, name, version, digest, shape, codec, metrics, training_size,"
        " examples_seen, promoted, epoch, promoted_at) select user_id, bot_id, 'entry', 3, sha256('m'), 1, 'json',"
        " '{\"accuracy\": 0.625}', 40, 40, true, 1, now() from bots where name = 'two'"
    )
    asked = ("/stats", "/phantom_stats", "/ml_stats", "/db_stats")
    with listening(tmp_path / "data", rig, people) as process:
        for each in asked:
            people.hears(each)
        said = [each.body["text"] for each in people.await_count(len(asked), "/sendMessage")]
        process.send(signal.SIGTERM)
        assert process.await_end() == 0
    assert count == 1
    assert said[0].splitlines()[0] == f"all: 1 trade(s), {100 * won / count:.1f}% won, result {result:.2f}"
    assert [line.partition(":")[0] for line in said[0].splitlines()[:3]] == ["all", "30d", "7d"]
    assert "scripted: 1 signal(s), 0 taken, 0 open, 100.0% right, newest 1: 100.0%" in said[1].splitlines()
    assert said[1].splitlines()[-1] == "blocked by: cooldown 5"
    first = re.sub(r"trained \d+ s ago", "trained just now", said[2].splitlines()[0])
    assert first == "two: entry version 3, trained just now on 40, accuracy 0.625"
    assert said[2].splitlines()[-1] == "signals right: - of those taken, 100.0% of those rejected"
    ((head, most),) = rig.database.rows(
        "select (select version_num from public.alembic_version), current_setting('max_connections')"
    )
    assert f"schema {head}, connections " in said[3].splitlines()[0]
    assert said[3].splitlines()[0].endswith(f" of {most}")
    assert len(said[3].splitlines()) == 6


def test_stranger__is_ignored_and_counted(rig: Rig, people: People, tmp_path: Path) -> None:
    with listening(tmp_path / "data", rig, people) as process:
        people.hears("/pause", chat=STRANGER)
        people.hears("/pause", chat=-CHAT)
        people.hears("/resume", who={"id": "none", "username": "; drop table"})
        people.await_count(1, "/sendMessage")
        port = process.await_event("metrics are served")["port"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            told = answer.read().decode()
    assert "holdfast_messages_ignored_total 2.0" in told
    assert commands(rig) == [("resume", None, "telegram", "asked on Telegram")]
    assert len(people.said()) == 1


def test_message__is_not_obeyed_again_after_a_kill(rig: Rig, people: People, tmp_path: Path) -> None:
    with listening(tmp_path / "data", rig, people) as process:
        people.hears("/pause")
        people.await_count(1, "/sendMessage")
        people.await_count(2, "/getUpdates")
        process.kill()
    first = len(people.asked("/getUpdates"))
    with listening(tmp_path / "data", rig, people):
        people.hears("/resume")
        people.await_count(2, "/sendMessage")
    asked = people.asked("/getUpdates")
    assert "offset" not in asked[0].body
    assert asked[first].body["offset"] == 1001
    assert [verb for verb, *_ in commands(rig)] == ["pause", "resume"]


def test_message__that_is_handed_out_again_is_written_down_once(
    rig: Rig, people: People, tmp_path: Path
) -> None:
    """The place in the chat is lost with the disk; the ledger knows the message."""
    people.hears("/pause")
    (update,) = people.updates
    for name in ("one", "two"):
        people.updates = [update]
        with listening(tmp_path / name, rig, people):
            people.await_count(1 if name == "one" else 2, "/sendMessage")
    assert [verb for verb, *_ in commands(rig)] == ["pause"]


def test_role__without_a_chat_says_what_is_missing(rig: Rig, people: People, tmp_path: Path) -> None:
    missing = {"HOLDFAST_TELEGRAM_TOKEN": "", "HOLDFAST_TELEGRAM_CHAT": ""}
    with listening(tmp_path / "data", rig, people, **missing) as process:
        assert process.await_end() == 10
        assert "HOLDFAST_TELEGRAM_TOKEN and HOLDFAST_TELEGRAM_CHAT must name" in process.complaint


def test_role__whose_token_telegram_does_not_know_leaves_without_repeating_it(
    rig: Rig, people: People, tmp_path: Path
) -> None:
    people.polls.append(answers(401, {"ok": False}))
    with listening(tmp_path / "data", rig, people) as process:
        assert process.await_end() == 10
        assert "is not one that Telegram knows" in process.complaint
        assert CANARY not in process.said().lower()


@dataclass
class Ears:
    """A listener in this process, and what it was asked and answered."""

    people: People
    folder: Path
    asked: list[Asked] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    faults: list[errors.BotError] = field(default_factory=list)
    meters: Meters = field(default_factory=Meters)

    def listener(self) -> Listener:
        api = Telegram(self.people.url, Secret(TOKEN), CHAT, 0.3)
        return Listener(
            api, self._obey, self.answered.append, self.folder / "offset.json", self.meters, poll_seconds=0
        )

    def _obey(self, asked: Asked) -> str:
        if self.faults:
            raise self.faults.pop(0)
        self.asked.append(asked)
        return f"done {asked.verb}"


@pytest.fixture
def ears(people: People, tmp_path: Path) -> Ears:
    return Ears(people, tmp_path)


@pytest.mark.parametrize(
    "manner",
    [
        CLOSES,
        SILENT,
        DRIPS,
        answers(500),
        answers(409),
        answers(200, [1]),
        answers(200, {"ok": True, "result": 5}),
        answers(200, {"result": [{"update_id": "x"}]}),
        Manner(body=b"\xff{"),
    ],
    ids="closes silent drips broken another-listener list number unnumbered bytes".split(),
)
def test_listener__goes_on_after_nonsense_with_growing_pauses(
    people: People, ears: Ears, manner: Manner
) -> None:
    people.polls += [manner, manner]
    people.hears("/status")
    listener = ears.listener()
    assert [listener.turn() for _ in range(3)] == [1, 2, 0]
    assert [each.verb for each in ears.asked] == ["status"]


def test_listener__waits_as_long_as_telegram_asks(people: People, ears: Ears) -> None:
    people.polls.append(answers(429, {"ok": False, "parameters": {"retry_after": 33}}))
    assert ears.listener().turn() == 33


def test_listener__asks_again_for_what_could_not_be_written_down(people: People, ears: Ears) -> None:
    ears.faults = [errors.StoreUnavailable(action="write", detail="away")] * 2
    people.hears("/pause")
    listener = ears.listener()
    assert [listener.turn() for _ in range(3)] == [1, 2, 0]
    assert [text.partition(":")[0] for text in ears.answered] == [
        "Not done yet, and tried again",
        "done pause",
    ]
    assert [each.key for each in ears.asked] == [f"telegram:{CHAT}:100"]


@pytest.mark.parametrize(
    "message", [None, 5, {}, {"chat": 5}, {"chat": {"id": str(CHAT)}}, {"chat": {"id": True}}], ids=str
)
def test_listener__passes_over_what_is_of_no_chat(people: People, ears: Ears, message: object) -> None:
    people.updates.append({"update_id": 1, "message": message})
    assert ears.listener().turn() == 0
    assert (ears.asked, ears.answered) == ([], [])
    assert ears.meters.values()[table.MESSAGES_IGNORED] == {(): 1}
    assert load_offset(ears.folder / "offset.json") == 2


@pytest.mark.parametrize("left", ["", "{}", "[]", '{"offset": "5"}', "\x00", '{"offset": true}'])
def test_offset__that_cannot_be_read_counts_as_none(tmp_path: Path, left: str) -> None:
    path = tmp_path / "offset.json"
    path.write_text(left, encoding="ascii")
    assert load_offset(path) is None
    save_offset(path, 7)
    assert load_offset(path) == 7


def test_offset__that_cannot_be_kept_stops_nobody(people: People, ears: Ears) -> None:
    (ears.folder / "file").write_text("", encoding="ascii")
    ears.folder = ears.folder / "file"
    people.hears("/status")
    assert ears.listener().turn() == 0
    assert [each.verb for each in ears.asked] == ["status"]
