"""A password that is replaced while the program runs, on a real PostgreSQL with TLS and SCRAM."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from runtime import errors
from runtime.domain.identity import UserId
from runtime.settings import Secret
from runtime.store import schema
from runtime.store.access import Access, connect, password_file
from runtime.store.pool import Store
from tests.access.authorities import Authority
from tests.access.tls_postgres import PASSWORD, USER, Cluster

TENANT = UserId(uuid.UUID(int=7))
NEXT = "the-second-password"


@pytest.fixture
def url(cluster: Cluster, authority: Authority) -> Iterator[str]:
    with cluster.serve(authority.sign()) as url:
        yield f"{url}&sslmode=require"
        with psycopg.connect(url, password=NEXT if was_replaced(url) else PASSWORD) as connection:
            connection.execute(f"alter role {USER} password '{PASSWORD}'")


def was_replaced(url: str) -> bool:
    try:
        psycopg.connect(url, password=PASSWORD).close()
    except psycopg.OperationalError:
        return True
    return False


def replace(url: str) -> None:
    with psycopg.connect(url, password=PASSWORD) as connection:
        connection.execute(f"alter role {USER} password '{NEXT}'")


@pytest.mark.parametrize(
    "text", [PASSWORD, f"{PASSWORD}\n", json.dumps({"username": "x", "password": PASSWORD})]
)
def test_password_file__may_be_a_line_or_a_secret_of_rds(url: str, tmp_path: Path, text: str) -> None:
    file = tmp_path / "password"
    file.write_text(text)
    assert schema.current(Access(Secret(url), ca=None, password=password_file(file))) is None


def test_password_file__a_pool_signs_in_with_the_new_one(url: str, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    address = Access(Secret(url), ca=None, password=password_file(file))
    with Store(address, TENANT, pool_max=1) as store:
        replace(url)
        file.write_text(NEXT)
        with pytest.raises(errors.StoreUnavailable), store.transaction("cut our own connection") as tx:
            tx.rows("select pg_terminate_backend(pg_backend_pid())")
        with store.transaction("look again") as tx:
            assert tx.row("select 1") == (1,)


def test_password_file__is_read_once_more_when_it_changed_meanwhile(url: str, tmp_path: Path) -> None:
    """Whoever replaces it was between the server and the file when we read."""
    replace(url)
    told = iter([PASSWORD, NEXT])
    address = Access(Secret(url), ca=None, password=lambda: Secret(next(told)))
    with connect(address) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert next(told, None) is None


def test_password_file__a_wrong_one_is_tried_once(url: str) -> None:
    asked: list[int] = []

    def wrong() -> Secret:
        asked.append(1)
        return Secret("canary-wrong")

    with pytest.raises(errors.StoreUnavailable) as refusal:
        schema.current(Access(Secret(url), ca=None, password=wrong))
    assert "password authentication failed" in str(refusal.value)
    assert "canary" not in str(refusal.value)
    assert len(asked) == 2, "asked again, and not tried again, since it is still the same"


@pytest.mark.parametrize("text", [None, "{not json", '{"user": "canary"}'])
def test_password_file__one_that_cannot_be_read_is_said(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "password"
    if text is not None:
        file.write_text(text)
    with pytest.raises(errors.StoreUnavailable) as fault:
        password_file(file)()
    assert "HOLDFAST_DATABASE_PASSWORD_FILE cannot be read" in str(fault.value)
    assert "canary" not in str(fault.value)
