"""A program starts on the schema it was written for, and on a newer one that says it suits this program still; any
other is refused with words that say what to do."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime import errors
from runtime.settings import Secret
from runtime.store import schema
from tests.database import Database

BOT = "holdfast_bot"
ROOT = Path(__file__).resolve().parents[2]


def refusal(url: Secret) -> errors.SchemaMismatch:
    with pytest.raises(errors.SchemaMismatch) as refused:
        schema.require_current(url)
    assert refused.value.exit_code == 11
    return refused.value


def test_program__starts_on_its_own_schema(database: Database) -> None:
    for role in (BOT, "holdfast_api", "holdfast_readonly"):
        schema.require_current(database.secret(role))


def test_program__refuses_a_database_that_was_never_migrated(unmigrated: Database) -> None:
    refused = refusal(unmigrated.secret())
    assert refused.facts["found"] == "none"
    assert "`python -m runtime migrate`" in str(refused)


def test_program__refuses_a_database_that_was_taken_back_to_nothing(database: Database) -> None:
    schema.downgrade(database.secret(), "base")
    assert refusal(database.secret(BOT)).facts["found"] == "none"


def test_program__refuses_an_older_schema(database: Database) -> None:
    schema.downgrade(database.secret(), "0002")
    refused = refusal(database.secret(BOT))
    assert refused.facts["found"] == "0002"
    assert "`python -m runtime migrate` brings" in str(refused)


def test_program__refuses_a_newer_schema_and_changes_nothing_on_it(database: Database) -> None:
    database.rows("update public.alembic_version set version_num = '9999'")
    database.rows("comment on table public.alembic_version is 'programs from 9999 on run on this schema'")
    before = schema.dump(database.secret())
    refused = refusal(database.secret(BOT))
    assert refused.facts["found"] == "9999"
    assert f"`python -m runtime rollback {schema.head()}`" in str(refused)
    for change in (schema.upgrade, schema.downgrade):
        with pytest.raises(errors.SchemaMismatch, match="9999"):
            change(database.secret(), "0001")
    assert schema.dump(database.secret()) == before


FUTURE = """\
from migrations.script import down, up

revision = "9000"
down_revision = "{head}"
{says}

def upgrade() -> None:
    up(__file__)


def downgrade() -> None:
    down(__file__)
"""


def migrate_as_a_newer_program(database: Database, folder: Path, *, says: str) -> None:
    """A copy of this program with one revision more, run as the process that it is."""
    for name in ("runtime", "migrations"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "alembic.ini", folder)
    step = folder / "migrations" / "versions" / "9000_future.py"
    step.write_text(FUTURE.format(head=schema.head(), says=says))
    step.with_suffix(".up.sql").write_text("create table holdfast.future (n int);")
    step.with_suffix(".down.sql").write_text("drop table holdfast.future;")
    code = "import sys; from runtime.settings import Secret; from runtime.store import schema\n"
    code += "schema.upgrade(Secret(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, database.url()], cwd=folder, check=True)


def test_program__starts_on_a_newer_schema_that_suits_it(database: Database, tmp_path: Path) -> None:
    migrate_as_a_newer_program(database, tmp_path, says=f'oldest_program = "{schema.head()}"')
    assert schema.current(database.secret()) == "9000"
    for role in (BOT, "holdfast_api", "holdfast_readonly"):
        schema.require_current(database.secret(role))


@pytest.mark.parametrize("says", ["", 'oldest_program = "8999"'])
def test_program__refuses_a_newer_schema_that_does_not_suit_it(
    database: Database, tmp_path: Path, says: str
) -> None:
    migrate_as_a_newer_program(database, tmp_path, says=says)
    assert refusal(database.secret(BOT)).facts["found"] == "9000"


def test_schema__says_which_programs_it_suits_at_every_revision(unmigrated: Database) -> None:
    asked = "select obj_description('public.alembic_version'::regclass, 'pg_class')"
    names = [each.name for each in schema.history()]
    for walk in (names, names[-2::-1]):
        for revision in walk:
            (schema.upgrade if walk is names else schema.downgrade)(unmigrated.secret(), revision)
            says = str(unmigrated.rows(asked)[0][0])
            (oldest,) = re.findall(r"[0-9]{4}", says)
            assert oldest <= revision
            assert says == f"programs from {oldest} on run on this schema"
    assert unmigrated.rows(asked) == [("programs from 0001 on run on this schema",)]
    schema.downgrade(unmigrated.secret(), "base")
    assert unmigrated.rows(asked) == [(None,)]


def test_program__refuses_a_database_that_claims_two_revisions(database: Database) -> None:
    database.rows("insert into public.alembic_version values ('0001')")
    with pytest.raises(errors.BrokenInvariant, match="2 revisions"):
        schema.require_current(database.secret(BOT))


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("postgresql://bot:hush@127.0.0.1:9/holdfast", errors.StoreUnavailable),
        ("postgresql://bot:hush@nowhere.invalid/holdfast", errors.StoreUnavailable),
        ("postgresql://bot:hu@sh@127.0.0.1:9/holdfast", errors.StoreUnavailable),
        ("postgresql://bot:hush@127.0.0.1:hush/holdfast", errors.BotError),
        ("postgresql://bot:%hush@127.0.0.1/holdfast", errors.BadInput),
        ("hush=hush", errors.BadInput),
    ],
)
@pytest.mark.parametrize("act", [schema.current, schema.upgrade, schema.dump])
def test_address__that_leads_nowhere_is_told_without_its_password(
    act: Callable[[Secret], object], url: str, kind: type[errors.BotError]
) -> None:
    with pytest.raises(kind) as refused:
        act(Secret(url))
    assert "hu" not in str(refused.value).replace("shut", "")
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_address__of_a_database_that_is_not_there_repeats_the_server(unmigrated: Database) -> None:
    url = unmigrated.url().replace(unmigrated.name, "missing")
    with pytest.raises(errors.StoreUnavailable, match='database "missing" does not exist'):
        schema.current(Secret(url))


def test_program__takes_the_table_of_another_program_for_no_schema_of_ours(unmigrated: Database) -> None:
    unmigrated.rows("create table public.alembic_version (something text)")
    with pytest.raises(errors.BadInput, match="another program's database"):
        schema.require_current(unmigrated.secret())
