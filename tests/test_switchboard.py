"""Bad input from outside: each is answered with one sentence and its own exit code, and nothing is half done.

Also that no role leaves a traceback, and that no secret is ever repeated.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from runtime.__main__ import main
from runtime.local.postgres import Server
from runtime.settings import Secret
from runtime.store import schema
from tests.database import Database
from tests.postgres_server import drop_database, fresh_database

ROOT = Path(__file__).resolve().parent.parent
CANARY = "canary-b7f2"
# Whom permissions do not hold back becomes somebody else, once all is loaded.
AS_NOBODY = """
import os, sys
from runtime.__main__ import main
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
sys.exit(main(sys.argv[1:], os.environ))
"""
LIMITS = """{ position_quote_max = "5", order_quote_max = "5", open_orders_max = "5", daily_loss_quote_max = "5",
  cooldown_seconds = "0", price_collar_ratio = "0.1" }""".replace("\n", "")
DESKS = f"""user = "local"
[[account]]
name = "first"
venue = "bitget"
kind = "spot"
paper = true
[[account.bot]]
name = "one"
strategy = "momentum"
symbols = ["BTC/USDT"]
limits = {LIMITS}
"""


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """The program in this process, with nothing set but what is given; an error it does not expect fails the test."""

    def call(*argv: str, environ: Mapping[str, str] | None = None) -> Said:
        capsys.readouterr()
        given = {"HOLDFAST_DATA_DIR": str(tmp_path / "data"), **(environ or {})}
        code = main([*argv], given)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call


def assert_refused(said: Said, error: str, code: int, *words: str) -> None:
    """One sentence on stderr, and the code that the documents promise for it."""
    assert said.code == code, said
    assert said.err.startswith(f"{error}: "), said.err
    assert said.err.count("\n") == 1, said.err
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err
    assert CANARY not in said.out + said.err


# --- settings


SETTING_FAULTS = {
    "DATABASE_URL": [
        "mysql://user@host/name",
        "name",
        f"http://{CANARY}@host",
        f"postgresql://user:{CANARY}@ho\u2100st/name",
        f"postgresql://user:{CANARY}@./name",
        f"postgresql://user:{CANARY}@host:port/name",
    ],
    "HOLDFAST_DATABASE_POOL_MAX": ["0", "-1", "1.5", "many", "1" * 400, "²"],
    "HOLDFAST_STATEMENT_SECONDS": ["0", "nan", "inf", "-5", "soon"],
    "HOLDFAST_USER": [" ", "a\x1bb", "two\nlines"],
    "HOLDFAST_ACCOUNT": ["\t", "a\x00b"],
    "HOLDFAST_VENUE_URL": ["ftp://host", "host:80", "http://"],
    "HOLDFAST_LIVE": ["true", "1", "maybe"],
    "HOLDFAST_TICK_SECONDS": ["0", "3601", "nan", "1e400"],
    "HOLDFAST_REQUEST_TIMEOUT_SECONDS": ["0", "61"],
    "HOLDFAST_SEND_WITHIN_SECONDS": ["0", "61"],
    "HOLDFAST_QUOTE_AGE_SECONDS": ["0", "3601", "old"],
    "HOLDFAST_LEASE_SECONDS": ["0.5", "601", "1,5"],
    "HOLDFAST_RECONCILE_SECONDS": ["0", "x"],
    "HOLDFAST_SHUTDOWN_SECONDS": ["0", "111"],
    "HOLDFAST_STORE_LOST_SECONDS": ["0", "inf"],
    "HOLDFAST_LOG_LEVEL": ["loud", "INFO"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in SETTING_FAULTS.items() for value in values]
)
def test_setting__that_is_wrong_is_named(run: Run, tmp_path: Path, name: str, value: str) -> None:
    assert_refused(run("verify", environ={name: value}), "BadSettings", 10, name, "have 1 fault(s)")
    assert list(tmp_path.iterdir()) == []


def test_settings__are_refused_with_all_their_faults_at_once(run: Run) -> None:
    wrong = {name: values[0] for name, values in SETTING_FAULTS.items()}
    said = run("verify", environ={**wrong, "HOLDFAST_TICK": "1", "HOLDFAST_VENUE_SECRETS": CANARY})
    assert_refused(
        said, "BadSettings", 10, *wrong, "HOLDFAST_TICK is not a setting", "HOLDFAST_VENUE_SECRETS"
    )
    assert f"have {len(wrong) + 2} fault(s)" in said.err


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({"HOLDFAST_LEASE_SECONDS": "8"}, "no order could be sent safely"),
        ({"HOLDFAST_LIVE": "yes"}, "are not both set"),
        (
            {
                "HOLDFAST_LIVE": "yes",
                "HOLDFAST_VENUE_URL": "http://127.0.0.1:1",
                "HOLDFAST_VENUE_KEY": CANARY,
                "HOLDFAST_VENUE_SECRET": CANARY,
            },
            "live orders go to the venue's own address only",
        ),
    ],
)
def test_settings__that_contradict_each_other_are_refused(
    run: Run, environ: dict[str, str], word: str
) -> None:
    assert_refused(run("verify", environ=environ), "BadSettings", 10, word)


# --- the command line


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("fly",),
        ("run", "--seed", "many"),
        ("run", "--speed", "fast"),
        ("run", "--speed", "0"),
        ("run", "--speed", "nan"),
        ("run", "--nothing"),
        ("enrol",),
        ("rollback",),
        ("command", "dance"),
        ("status", "--tick-age-seconds-max", "soon"),
        ("simulator", "--books", "x", "--port", "http"),
    ],
    ids=" ".join,
)
def test_command_line__that_cannot_be_understood_leaves_with_2(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, argv: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as left:
        run(*argv)
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("usage: python -m runtime")
    assert "error: " in said.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("role", ["", "run", "desk", "status", "command", "rollback", "simulator"])
def test_command_line__explains_itself(run: Run, capsys: pytest.CaptureFixture[str], role: str) -> None:
    with pytest.raises(SystemExit) as left:
        run(*[role] if role else [], "--help")
    assert left.value.code == 0
    assert "usage: python -m runtime" in capsys.readouterr().out


def test_revision__that_does_not_exist_is_refused(run: Run, database: Database) -> None:
    for verb in ("migrate", "rollback"):
        said = run(verb, "9999", environ={"DATABASE_URL": database.url()})
        assert_refused(said, "BadInput", 10, "'9999'", "There are: base, 0001")


# --- the desk file


BAD_DESKS: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "empty": (b"", ("user must be", "names no [[account]]")),
    "not TOML": (b"user = local", ("is not TOML",)),
    "NUL": (DESKS.replace("momentum", "mom\0entum").encode(), ("is not TOML",)),
    "no UTF-8": (b'user = "\xff"', ("is not TOML",)),
    "huge": (b"#" * 1_000_001, ("larger than a desk file can be",)),
    "deep": (b"user = " + b"[" * 5000, ("is not TOML",)),
    "an account that is a text": (b'user = "a"\naccount = ["b"]', ("is not a table",)),
    "a bot that is a number": (
        b'user = "a"\n[[account]]\nname = "b"\nvenue = "bitget"\nkind = "spot"\npaper = true\nbot = [1]',
        ("is not a table",),
    ),
    "money as a float": (
        DESKS.replace('order_quote_max = "5"', "order_quote_max = 5.5").encode(),
        ("order_quote_max",),
    ),
    "money that is no number": (
        DESKS.replace('order_quote_max = "5"', 'order_quote_max = "NaN"').encode(),
        ("order_quote_max",),
    ),
    "an unknown strategy": (DESKS.replace("momentum", "magic").encode(), ("magic",)),
    "a name that hides something": (DESKS.replace('"one"', '"o\\u001bne"').encode(), ("printable",)),
    "everything at once": (
        DESKS.replace("spot", "margin")
        .replace("true", '"yes"')
        .replace('symbols = ["BTC/USDT"]', "symbols = []\ncolour = 1")
        .replace("momentum", "magic")
        .replace('price_collar_ratio = "0.1"', 'speed = "1"')
        .encode(),
        (
            "'margin', not spot or linear",
            "paper must be true or false",
            "symbols must be a list",
            "'colour' is not known",
            "magic",
            "'speed' is not known",
            "'price_collar_ratio' is missing",
        ),
    ),
    "two of one name": (
        (DESKS + DESKS.partition("\n")[2]).encode(),
        ("account 'first' stands twice",),
    ),
}


@pytest.mark.parametrize("role", ["enrol", "run"])
@pytest.mark.parametrize("name", BAD_DESKS)
def test_desk_file__that_is_wrong_is_refused_with_every_fault(
    run: Run, tmp_path: Path, role: str, name: str
) -> None:
    content, words = BAD_DESKS[name]
    file = tmp_path / "desks.toml"
    file.write_bytes(content)
    said = run("run", "--desks", str(file)) if role == "run" else run("enrol", str(file))
    assert_refused(said, "BadInput", 10, "The desk file", "docs/configuration.md", *words)
    assert [each.name for each in tmp_path.iterdir()] == ["desks.toml"]


def test_desk_file__that_is_no_file_is_refused(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        assert_refused(run("enrol", str(path)), "BadInput", 10, str(path))


def test_desk_file__that_changes_an_accounts_nature_is_refused_and_nothing_is_enrolled(
    run: Run, database: Database, tmp_path: Path
) -> None:
    file, environ = tmp_path / "desks.toml", {"DATABASE_URL": database.url()}
    file.write_text(DESKS, encoding="utf-8")
    assert run("enrol", str(file), environ=environ) == Said(0, "Enrolled first of user local.\n", "")
    head, accounts = DESKS.split("\n", 1)
    changed = accounts.replace('"first"', '"another"') + accounts.replace("spot", "linear")
    file.write_text(f"{head}\n{changed}", encoding="utf-8")
    assert_refused(
        run("enrol", str(file), environ=environ), "BadInput", 10, "the ledger knows it as bitget spot"
    )
    assert database.rows("select name, kind from accounts") == [("first", "spot")]


# --- accounts


def _enrolled(run: Run, database: Database, tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "desks.toml"
    file.write_text(DESKS, encoding="utf-8")
    assert run("enrol", str(file), environ={"DATABASE_URL": database.url()}).code == 0
    return {"DATABASE_URL": database.url("holdfast_bot")}


@pytest.mark.parametrize("role", ["check-account", "repair"])
def test_account__that_is_unknown_is_refused_with_the_known_ones(
    run: Run, database: Database, tmp_path: Path, role: str
) -> None:
    environ = _enrolled(run, database, tmp_path)
    assert_refused(run(role, environ=environ), "BadSettings", 10, "must name one of the accounts: first")
    environ["HOLDFAST_ACCOUNT"] = "second"
    assert_refused(run(role, environ=environ), "BadSettings", 10, "'second'", "has the accounts: first")
    environ["HOLDFAST_USER"] = "stranger"
    assert_refused(run(role, environ=environ), "BadSettings", 10, "has the accounts: none; enrol one")


def test_account__on_paper_is_never_traded_at_a_venue_that_nobody_named(
    run: Run, database: Database, tmp_path: Path
) -> None:
    environ = {**_enrolled(run, database, tmp_path), "HOLDFAST_ACCOUNT": "first"}
    assert_refused(run("check-account", environ=environ), "VenueUnsafe", 22, "HOLDFAST_VENUE_URL")
    database.rows("update accounts set paper = false")
    assert_refused(run("check-account", environ=environ), "VenueUnsafe", 22, "HOLDFAST_LIVE is not yes")
    assert database.rows("select * from leases") == []


def test_venue__that_cannot_be_reached_is_said(run: Run, database: Database, tmp_path: Path) -> None:
    environ = {**_enrolled(run, database, tmp_path), "HOLDFAST_ACCOUNT": "first"}
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody_listens.getsockname()[1]}"
        said = run("check-account", environ={**environ, "HOLDFAST_VENUE_URL": address})
        assert_refused(said, "VenueUnavailable", 14, "bitget could not be reached")
        said = run("repair", environ={**environ, "HOLDFAST_VENUE_URL": address})
        assert_refused(said, "VenueUnavailable", 14)
    assert database.rows("select released_at is not null from leases") == [(True,)]


# --- the database


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{CANARY}@127.0.0.1:1/name",
        f"postgresql://user:{CANARY}@no-such-host.invalid/name",
        f"postgresql://user:{CANARY}@127.0.0.1:port/name",
        f"postgresql://user:{CANARY}@127.0.0.1:1/name?colour=red",
        f"postgresql://user:{CANARY}@/name?host=/no/such/folder",
        f"postgresql://user:{CANARY}@[::1/name",
    ],
    ids=["closed port", "no host", "no port", "unknown option", "no socket", "broken brackets"],
)
@pytest.mark.parametrize("role", ["verify", "migrate", "status"])
def test_database_url__that_is_wrong_is_refused_without_repeating_it(run: Run, role: str, url: str) -> None:
    said = run(role, environ={"DATABASE_URL": url})
    assert said.code in (10, 13)
    assert_refused(said, said.err.partition(":")[0], said.code)


@pytest.mark.parametrize("part", ["role", "database"])
def test_database_url__that_names_nobody_or_nothing_there_is_refused(
    run: Run, database: Database, part: str
) -> None:
    there = {"role": database.url("nobody_there"), "database": database.server.url(database="nothing_there")}
    said = run("verify", environ={"DATABASE_URL": there[part]})
    assert said.code == 13
    assert_refused(said, said.err.partition(":")[0], 13, "_there")


def test_database_url__of_a_role_that_may_not_write_is_refused(
    run: Run, database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "desks.toml"
    file.write_text(DESKS, encoding="utf-8")
    for argv in (("enrol", str(file)), ("rollback", "base")):
        said = run(*argv, environ={"DATABASE_URL": database.url("holdfast_readonly")})
        assert_refused(said, "NotAllowed", 13)


@pytest.fixture
def empty_database(server: Server) -> Iterator[Database]:
    url = fresh_database(server)
    yield Database(server, str(conninfo_to_dict(url)["dbname"]))
    drop_database(server, url)


@pytest.mark.parametrize("role", ["verify", "status", "check-account", "repair", "command pause"])
def test_schema__that_is_missing_older_or_newer_is_refused_with_what_to_do(
    run: Run, empty_database: Database, role: str
) -> None:
    environ, argv = {"DATABASE_URL": empty_database.url()}, role.split()
    assert_refused(run(*argv, environ=environ), "SchemaMismatch", 11, "holds no schema", "migrate` makes it")
    schema.upgrade(Secret(empty_database.url()), "0001")
    assert_refused(
        run(*argv, environ=environ), "SchemaMismatch", 11, "at revision 0001", "brings the database up"
    )
    schema.upgrade(Secret(empty_database.url()))
    [(table,)] = empty_database.rows(
        "select table_schema || '.' || table_name from information_schema.tables where table_name like '%%version%%'"
        " and table_schema = 'holdfast' or table_name = 'alembic_version'"
    )
    empty_database.rows(f"update {table} set version_num = '9999'; comment on table {table} is null")
    assert_refused(run(*argv, environ=environ), "SchemaMismatch", 11, "at revision 9999", "a newer program")


# --- folders, ports, disks


@pytest.mark.parametrize("role", ["status", "doctor", "migrate", "run"])
def test_data_folder__that_holds_something_else_is_refused_and_not_touched(
    run: Run, tmp_path: Path, role: str
) -> None:
    foreign = tmp_path / "data" / "postgres"
    foreign.mkdir(parents=True)
    (foreign / "letter.txt").write_text("mine", encoding="utf-8")
    assert_refused(
        run(role), "LocalServerBroken", 16, "it is not ours and not empty", "nothing in it was touched"
    )
    assert [each.name for each in foreign.iterdir()] == ["letter.txt"]
    assert [each.name for each in (tmp_path / "data").iterdir()] == ["postgres"]


def test_data_folder__that_is_a_file_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("mine", encoding="utf-8")
    for role in ("status", "run"):
        assert_refused(run(role), "LocalServerBroken", 16, "it is not a folder")
    assert (tmp_path / "data").read_text(encoding="utf-8") == "mine"


def test_simulator__on_a_busy_port_is_refused_and_leaves_no_books(run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        said = run("simulator", "--books", str(tmp_path / "books"), "--port", str(port))
    assert_refused(said, "PortBusy", 17, f"Port {port} on 127.0.0.1", "--port")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--port", "70000"), "port 70000"),
        (("--speed", "0"), "speed 0"),
        (("--accounts", "/no/such/file"), "/no/such/file"),
        (("--replay", "NOTHING=x"), "NOTHING is not listed"),
        (("--tick-interval-ms", "0"), "tick interval"),
    ],
)
def test_simulator__with_a_wrong_option_is_refused(
    run: Run, tmp_path: Path, options: tuple[str, ...], word: str
) -> None:
    said = run("simulator", "--books", str(tmp_path / "books"), *options)
    assert_refused(said, said.err.partition(":")[0], 10, word)
    assert list(tmp_path.iterdir()) == []


# --- as a process of its own


def _launch(*command: str, environ: Mapping[str, str]) -> Said:
    usual = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    usual.pop("DATABASE_URL", None)
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**usual, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("role", ["run", "status"])
def test_data_folder__that_may_not_be_written_is_refused(tmp_path: Path, role: str) -> None:
    locked = Path(tempfile.mkdtemp(prefix="holdfast-test-"))
    locked.chmod(0o555)
    try:
        environ = {"HOLDFAST_DATA_DIR": str(locked / "data")}
        said = _launch(sys.executable, "-c", AS_NOBODY, role, environ=environ)
        assert_refused(said, "NoPermission", 19, "may not be written by this user")
        assert list(locked.iterdir()) == []
    finally:
        shutil.rmtree(locked)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets an ordinary user mount a small disk")
def test_disk__that_is_full_is_named_and_nothing_half_made_is_left_running(tmp_path: Path) -> None:
    # A disk of 12 MB in a mount namespace of its own: PostgreSQL's first files need about 40.
    script = 'mount -t tmpfs -o size=12m none "$1" && exec "$2" -m runtime run'
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    command = [*namespace, "sh", "-c", script, "sh", str(tmp_path), sys.executable]
    said = _launch(*command, environ={"HOLDFAST_DATA_DIR": str(tmp_path / "data")})
    if said.err.startswith("unshare:"):
        pytest.skip("this machine forbids mount namespaces")
    assert_refused(said, "DiskFull", 18, "free some room and start again")


def test_desk__with_a_wrong_setting_says_so_before_it_touches_anything(tmp_path: Path) -> None:
    environ = {"HOLDFAST_DATA_DIR": str(tmp_path / "data"), "HOLDFAST_TICK_SECONDS": "never"}
    assert_refused(_launch(sys.executable, "-m", "runtime", "desk", environ=environ), "BadSettings", 10)
    assert list(tmp_path.iterdir()) == []


def test_desk__on_a_schema_that_does_not_fit_says_so(empty_database: Database) -> None:
    said = _launch(sys.executable, "-m", "runtime", "desk", environ={"DATABASE_URL": empty_database.url()})
    assert_refused(said, "SchemaMismatch", 11)
    assert said.out == ""
