"""Every named query: PostgreSQL can plan it against the migrated schema, and exactly one place in Python uses it."""

import re
from pathlib import Path

import pytest

from runtime.store import queries
from tests.database import Database

STORE = Path(queries.__file__).parent
NOUNS = sorted(path.stem for path in (STORE / "sql").glob("*.sql"))
# The catalogue is what the schema's module reads.
MODULES = {"catalogue": "schema"}
COPIED = re.compile(r"copy \((.*)\) to stdout.*", re.DOTALL)
PARAMETER = re.compile(r"%\((\w+)\)s")


def _numbered(query: str) -> tuple[str, int]:
    """With $1, $2 as PREPARE wants it, and how many there are."""
    query = COPIED.sub(lambda found: found[1], query)
    names = list(dict.fromkeys(PARAMETER.findall(query)))
    return PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", query), len(names)


@pytest.mark.parametrize("noun", NOUNS)
def test_queries__postgresql_plans_each_of_them(noun: str, database: Database) -> None:
    with database.connect() as connection:
        connection.execute("set plan_cache_mode = force_generic_plan")
        connection.execute("set role holdfast_owner")
        for name, query in queries.load(noun).items():
            if query.startswith("do $"):
                continue  # a block is no query and cannot be planned; tests/access runs it
            text, count = _numbered(query)
            values = f"({', '.join(['null'] * count)})" if count else ""
            connection.execute(f"prepare {name} as {text}")
            plan = connection.execute(f"explain execute {name}{values}").fetchall()
            assert plan, name


@pytest.mark.parametrize("noun", NOUNS)
def test_queries__each_is_used_once_in_the_module_of_its_noun(noun: str) -> None:
    source = (STORE / f"{MODULES.get(noun, noun)}.py").read_text("utf-8")
    used = {name: source.count(f'"{name}"') for name in queries.load(noun)}
    assert used == dict.fromkeys(used, 1)


@pytest.mark.parametrize("noun", [noun for noun in NOUNS if noun not in MODULES])
def test_queries__none_is_named_that_does_not_exist(noun: str) -> None:
    source = (STORE / f"{noun}.py").read_text("utf-8")
    assert set(re.findall(r'_SQL\["(\w+)"\]', source)) == set(queries.load(noun))


def test_parse__a_name_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        queries.parse("-- one: why\nselect 1\n\n-- one: why not\nselect 2\n")
