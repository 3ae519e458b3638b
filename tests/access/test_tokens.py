"""Signing in by token: the real signer, the credentials of a task, and a judge that recomputes every signature."""

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from botocore.session import Session

from runtime import errors
from runtime.__main__ import main
from runtime.domain.identity import UserId
from runtime.settings import Secret
from runtime.store import schema
from runtime.store.access import Access, tokens
from runtime.store.pool import Store
from tests.access.authorities import HOST, Authority
from tests.access.credentials import CredentialsEndpoint
from tests.access.rds_front import RdsFront, judge
from tests.database import Database

TENANT = UserId(uuid.UUID(int=7))
ADDRESS = Secret(f"postgresql://holdfast_bot@{HOST}:5433/holdfast")
TRIES = 20


@pytest.fixture
def front(database: Database, authority: Authority, task_role: CredentialsEndpoint) -> Iterator[RdsFront]:
    backend = database.server.postmaster.socket_dir
    with RdsFront(backend, authority.sign(), task_role.secrets) as front:
        yield front


@pytest.fixture
def access(front: RdsFront, database: Database, authority: Authority) -> Access:
    url = Secret(front.url("holdfast_bot", database.name))
    return Access(url, ca=authority.bundle, password=tokens(url))


def test_tokens__a_desk_signs_in_with_the_role_of_its_task(access: Access, front: RdsFront) -> None:
    schema.require_current(access)
    with Store(access, TENANT, pool_max=1) as store, store.transaction("ask who we are") as tx:
        assert tx.row("select current_user::text") == ("holdfast_bot",)
    assert front.refusals == []
    assert access.reveal().count("X-Amz") == 0, "a token must not stay in the address"


def test_tokens__every_connection_has_one_of_its_own(access: Access, front: RdsFront) -> None:
    together = threading.Barrier(3, timeout=20)
    with Store(access, TENANT, pool_max=3) as store:

        def hold() -> None:
            with store.transaction("hold a connection") as tx:
                tx.rows("select 1")
                together.wait()

        holders = [threading.Thread(target=hold) for _ in range(3)]
        for each in holders:
            each.start()
        for each in holders:
            each.join(timeout=30)
    assert len(front.tokens) == len(set(front.tokens)) == 3


def test_tokens__a_reconnect_survives_the_end_of_the_first_credentials(
    access: Access, front: RdsFront, task_role: CredentialsEndpoint
) -> None:
    with Store(access, TENANT, pool_max=1) as store:
        with store.transaction("look once") as tx:
            tx.rows("select 1")
        task_role.secrets.clear()
        front.cut()
        answer = look_until_back(store)
    assert answer == ("holdfast_bot",)
    assert len(front.tokens) >= 2
    assert front.refusals == []


def look_until_back(store: Store) -> object:
    """The first look meets the cut connection; the pool then opens another."""
    for _ in range(TRIES):
        try:
            with store.transaction("look again") as tx:
                return tx.row("select current_user::text")
        except errors.StoreUnavailable:
            continue
    return None


def test_tokens__a_revoked_role_is_refused_in_a_sentence(
    access: Access, front: RdsFront, task_role: CredentialsEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "_secrets", {})
    with pytest.raises(errors.StoreUnavailable) as refusal:
        schema.current(access)
    assert "PAM authentication failed" in str(refusal.value)
    assert front.refusals == ["its key was revoked"]
    assert len(front.tokens) == 1, "a refused token is not tried again in the same breath"


def test_tokens__are_those_of_botocores_own_client(task_role: CredentialsEndpoint) -> None:
    session = Session()
    client = session.create_client("rds", region_name="eu-west-1")
    assert token_without(client.generate_db_auth_token(HOST, 5433, "holdfast_bot")) == token_without(
        tokens(ADDRESS)().reveal()
    )


def token_without(token: str) -> tuple[str, dict[str, list[str]]]:
    """All of it but what belongs to the second and the keys it was signed with; the judge recomputes those."""
    address, _, query = token.partition("?")
    asked = parse_qs(query)
    for name in ("X-Amz-Date", "X-Amz-Signature", "X-Amz-Security-Token"):
        del asked[name]
    asked["X-Amz-Credential"] = [asked["X-Amz-Credential"][0].partition("/")[2]]
    return address, asked


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"host": "ledger.c0ffee.eu-west-1.rds.amazonaws.com:1"}, "it is for another server"),
        ({"user": "holdfast_api"}, "it is for another user"),
        ({"now": datetime.now(UTC) + timedelta(minutes=20)}, "it is too old"),
        ({"secrets": {}}, "its key was revoked"),
    ],
)
def test_judge__refuses_what_rds_refuses(
    task_role: CredentialsEndpoint, wrong: dict[str, object], refusal: str
) -> None:
    token = tokens(ADDRESS)().reveal()
    right = {"host": f"{HOST}:5433", "user": "holdfast_bot", "secrets": task_role.secrets}
    assert judge(token, **right) == ""  # type: ignore[arg-type]
    assert judge(token, **{**right, **wrong}) == refusal  # type: ignore[arg-type]
    forged = token.replace("X-Amz-Expires=900", "X-Amz-Expires=899")
    assert judge(forged, **right) == "its signature is wrong"  # type: ignore[arg-type]


def test_tokens__without_credentials_it_is_said(no_credentials: None, authority: Authority) -> None:
    address = Access(ADDRESS, ca=authority.bundle, password=tokens(ADDRESS))
    with pytest.raises(errors.StoreUnavailable) as fault:
        schema.current(address)
    assert "AWS gives us no credentials here" in str(fault.value)


def test_tokens__credentials_that_fail_to_come_are_an_outage(
    task_role: CredentialsEndpoint, authority: Authority
) -> None:
    task_role.is_broken = True
    address = Access(ADDRESS, ca=authority.bundle, password=tokens(ADDRESS))
    with pytest.raises(errors.StoreUnavailable) as fault:
        schema.current(address)
    assert "credentials" in str(fault.value)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://bot@localhost/holdfast",
        "postgresql://bot@ledger.example.org/holdfast",
        f"postgresql://{HOST}/holdfast",
        f"postgresql://bot@a.{HOST},b.{HOST}/holdfast",
        "postgresql://bot@[broken/holdfast",
    ],
)
def test_tokens__need_a_user_and_one_server_of_rds(address: str) -> None:
    with pytest.raises(errors.BadSettings):
        tokens(Secret(address))


def test_tokens__a_whole_role_of_the_program_signs_in_with_them(
    front: RdsFront, database: Database, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {
        "DATABASE_URL": front.url("holdfast_bot", database.name),
        "HOLDFAST_DATABASE_AUTH": "iam",
        "HOLDFAST_DATABASE_CA": str(authority.bundle),
    }
    assert main(["verify"], settings) == 0, capsys.readouterr().err
    assert front.refusals == []
    assert front.tokens
