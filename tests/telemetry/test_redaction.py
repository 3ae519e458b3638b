"""Canaries in the place of every secret, and every way to fail: none of them is ever read in what a process says."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from runtime import errors, logs
from runtime.local import processes
from runtime.settings import Settings
from tests.engine.desk_process import enrol_ladder, environment, running
from tests.engine.rig import EXCHANGE_KEYS, Rig
from tests.venue import ROOT

CANARY = "Canary#7@cage/é\"bar'd&x"
PLAIN = "canarysingsloud"
KEYS = {
    "HOLDFAST_VENUE_KEY": f"key-{PLAIN}",
    "HOLDFAST_VENUE_SECRET": f"secret-{PLAIN}",
    "HOLDFAST_VENUE_PASSPHRASE": f"passphrase-{PLAIN}",
}
# Pieces of the canaries that a careless split, quote or escape would let through.
PIECES = ("canary", "7@cage", "cage/", "bar'd", "cage%2F", "bard")


def pieces_in(text: str) -> list[str]:
    return [piece for piece in PIECES if piece.lower() in text.lower()]


def said_by(*argv: str, **settings: str) -> str:
    """Everything that a process says until it ends."""
    done = subprocess.run(
        [sys.executable, *argv], cwd=ROOT, env=environment(**settings), capture_output=True, text=True, timeout=60
    )  # fmt: skip
    assert done.returncode != 0
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://bot:{PLAIN}@127.0.0.1:1/holdfast",
        f"postgresql://bot:{quote(CANARY, safe='')}@127.0.0.1:1/holdfast",
        f"postgresql://bot:{CANARY}@127.0.0.1:1/holdfast",
        f"postgresql://bot:{PLAIN}@127.0.0.1:{PLAIN}/holdfast",
        f"postgresql://bot:{PLAIN}@{PLAIN}.invalid/holdfast",
        f"postgresql://bot:{PLAIN}@[::1/holdfast",
        f"postgresql://bot@127.0.0.1:1/holdfast?password={PLAIN}",
        f"postgresql://bot@127.0.0.1:1/holdfast?{PLAIN}={PLAIN}",
        f"postgresql://bot@127.0.0.1:1/holdfast?sslmode={PLAIN}",
        f"postgresql://bot@127.0.0.1:1/holdfast?sslmode=require&sslrootcert=/{PLAIN}",
        f"host=127.0.0.1 password={PLAIN}",
    ],
)
@pytest.mark.parametrize("role", ["desk", "doctor"])
def test_role__refused_by_the_database_repeats_nothing_of_its_address(role: str, url: str) -> None:
    said = said_by("-m", "runtime", role, DATABASE_URL=url, HOLDFAST_LOG_LEVEL="debug")
    assert pieces_in(said) == [], said
    assert "Error" in said or ": " in said


POOL = """
import sys
from uuid import uuid4
from runtime import errors, logs
from runtime.settings import Secret
from runtime.store.pool import Store
logs.start("debug")
try:
    Store(Secret(sys.argv[1]), uuid4(), wait_seconds=1).__enter__()
except errors.BotError as fault:
    sys.exit(f"{type(fault).__name__}: {fault}")
"""


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://bot:{CANARY}@127.0.0.1:1/holdfast",
        f"postgresql://bot:{PLAIN}@{PLAIN}.invalid/holdfast",
        f"postgresql://bot:{PLAIN}@127.0.0.1:1/holdfast?sslrootcert=/{PLAIN}&sslmode=verify-full",
    ],
)
def test_pool__warns_in_its_own_words_without_those_of_the_driver(url: str) -> None:
    """It put the driver's sentence into its own, with the host, the user and whatever stood in their place."""
    said = said_by("-c", POOL, url)
    assert "error connecting in" in said
    assert pieces_in(said) == [], said


def test_desk__with_keys_that_the_venue_refuses_repeats_none(bare: Rig, tmp_path: Path) -> None:
    enrol_ladder(bare.database)
    with running(tmp_path / "desk", bare, HOLDFAST_LOG_LEVEL="debug", **KEYS) as desk:
        assert processes.wait_until(
            lambda: bool(desk.complaint) or bool(desk.events("tick postponed")), seconds_max=40
        )
        said = (tmp_path / "desk" / "log").read_text("utf-8") + desk.complaint
    assert pieces_in(said) == [], said


def test_desk__that_trades_and_loses_its_database_repeats_none(bare: Rig, tmp_path: Path) -> None:
    enrol_ladder(bare.database)
    url = bare.database.url("holdfast_bot")
    url += ("&" if "?" in url else "?") + f"password={PLAIN}"
    bare.fault("http_5xx_refused")
    with running(
        tmp_path / "desk", bare, DATABASE_URL=url, HOLDFAST_LOG_LEVEL="debug", HOLDFAST_METRICS_SECONDS="0.1"
    ) as desk:
        desk.await_event("order outcome unknown")
        bare.database.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'holdfast_bot'"
        )
        desk.await_event("the ledger is out of reach")
        desk.process.terminate()
        desk.await_end()
        said = (tmp_path / "desk" / "log").read_text("utf-8") + desk.complaint
    assert [secret for secret in (PLAIN, *EXCHANGE_KEYS) if secret in said] == []


CRASH = """
import sys
from runtime import errors, logs
logs.keep_out(sys.argv[1])
sys.excepthook = logs.tell_crash
raise RuntimeError(f"it came with {sys.argv[1]} and {sys.argv[1]!r}")
"""


def test_crash__that_nobody_expected_is_told_without_the_secret() -> None:
    said = said_by("-c", CRASH, PLAIN)
    assert "RuntimeError: it came with *** and '***'" in said
    assert pieces_in(said) == []


THREAD = """
import sys, threading
from runtime import building, logs
logs.start("info")
logs.keep_out(sys.argv[1])
threading.excepthook = building.end_with_a_thread
def work():
    raise RuntimeError(sys.argv[1])
threading.Thread(target=work, name="flusher").start()
threading.Event().wait()
"""


def test_thread__that_meets_a_defect_ends_the_process_and_says_so_without_the_secret() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", THREAD, PLAIN],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == errors.BrokenInvariant.exit_code
    assert '"thread": "flusher"' in ended.stdout
    assert "RuntimeError: ***" in ended.stderr
    assert pieces_in(ended.stdout + ended.stderr) == []


FACTS = """
import sys
from runtime import errors, logs
logs.start("info")
logs.keep_out(sys.argv[1])
logs.info(f"event {sys.argv[1]}", text=sys.argv[1], deep={"key": [sys.argv[1], 7, None, True]})
try:
    raise ValueError(sys.argv[1])
except ValueError:
    logs.error("raised", traceback=True)
sys.exit(1)
"""


@pytest.mark.parametrize("secret", [PLAIN, CANARY, "back\\slash-canary", "zwölf-canary"])
def test_line__hides_a_secret_wherever_it_stands_and_stays_json(secret: str) -> None:
    said = said_by("-c", FACTS, secret)
    lines = [json.loads(line) for line in said.splitlines()]
    assert lines[0]["event"] == "event ***"
    assert lines[0]["text"] == "***"
    assert lines[0]["deep"] == {"key": ["***", 7, None, True]}
    assert "ValueError: ***" in lines[1]["traceback"]
    assert pieces_in(said) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://bot:word@host/db failed", "postgresql://***@host/db failed"),
        ("https://key:word@venue.example/path", "https://***@venue.example/path"),
        ("https://venue.example/path?to=a@b", "https://venue.example/path?to=a@b"),
        ("host=x password=word user=y", "host=x password=*** user=y"),
        ("password = 'two words' user=y", "password = *** user=y"),
    ],
)
def test_redact__stars_what_looks_like_credentials_though_nobody_named_them(text: str, shown: str) -> None:
    assert logs.redact(text) == shown


def test_settings__name_every_secret_of_theirs() -> None:
    url = f"postgresql://bot:{quote(CANARY, safe='')}@host/db?password={PLAIN}"
    settings = Settings.from_env({"DATABASE_URL": url, **KEYS})
    assert {url, CANARY, quote(CANARY, safe=""), PLAIN, *KEYS.values()} <= set(settings.secret_texts())
