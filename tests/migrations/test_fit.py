"""A program starts on exactly the schema it was written for; any other is refused with words that say what to do."""

from collections.abc import Callable

import pytest

from runtime import errors
from runtime.settings import Secret
from runtime.store import schema
from tests.database import Database

BOT = "holdfast_bot"


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
    before = schema.dump(database.secret())
    refused = refusal(database.secret(BOT))
    assert refused.facts["found"] == "9999"
    assert f"`python -m runtime rollback {schema.head()}`" in str(refused)
    for change in (schema.upgrade, schema.downgrade):
        with pytest.raises(errors.SchemaMismatch, match="9999"):
            change(database.secret(), "0001")
    assert schema.dump(database.secret()) == before


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
