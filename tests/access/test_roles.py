"""The migrate task on a database as RDS makes it: a master that is no superuser, and users that sign in by token."""

import json
from collections.abc import Iterator, Mapping

import psycopg
import pytest

from runtime import errors
from runtime.__main__ import main
from runtime.local.postgres import Server
from runtime.settings import Secret
from runtime.store import roles
from tests.access.authorities import Authority
from tests.access.credentials import CredentialsEndpoint, SecretsEndpoint
from tests.access.rds_front import RdsFront
from tests.postgres_server import session_server

MASTER, PASSWORD, DATABASE = "rds_master", "canary-of-the-master", "ledger"
ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:rds!db-1-AbCdEf"


@pytest.fixture
def rds() -> Iterator[Server]:
    """A server of its own: roles belong to all databases of one, and the other tests' have them already."""
    with session_server() as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("create role rds_iam nologin")
            connection.execute(f"create role {MASTER} login createrole createdb")
            connection.execute(f"grant rds_iam, pg_read_all_data to {MASTER} with admin option")
            connection.execute(f"create database {DATABASE} owner {MASTER}")
        yield server


@pytest.fixture
def front(rds: Server, authority: Authority, task_role: CredentialsEndpoint) -> Iterator[RdsFront]:
    files, secrets = authority.sign(), task_role.secrets
    with RdsFront(rds.postmaster.socket_dir, files, secrets, {MASTER: PASSWORD}) as front:
        yield front


def settings(front: RdsFront, authority: Authority, user: str) -> dict[str, str]:
    return {
        "DATABASE_URL": front.url(user, DATABASE),
        "HOLDFAST_DATABASE_AUTH": "iam",
        "HOLDFAST_DATABASE_CA": str(authority.bundle),
    }


def members_of_iam(rds: Server) -> set[str]:
    with psycopg.connect(rds.url(database=DATABASE)) as connection:
        rows = connection.execute(
            "select rolname from pg_roles where rolname like 'holdfast\\_%' and rolcanlogin"
            " and not rolsuper and pg_has_role(oid, 'rds_iam', 'member')"
        )
        return {str(row[0]) for row in rows}


def test_migrate__makes_the_roles_as_master_and_the_schema_as_migrator(
    rds: Server,
    front: RdsFront,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    environ: Mapping[str, str] = {
        **settings(front, authority, "holdfast_migrator"),
        "HOLDFAST_DATABASE_MASTER_SECRET": ARN,
    }
    with SecretsEndpoint(json.dumps({"username": MASTER, "password": PASSWORD})) as secrets:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.url)
        for _ in range(2):
            assert main(["migrate", "--samples"], environ) == 0, capsys.readouterr().err
        assert secrets.asked == [ARN, ARN]
    assert front.refusals == []
    assert front.tokens, "the schema is the migrator's work, not the master's"
    wanted = {"bot", "api", "readonly", "migrator", "backup", "retention"}
    assert members_of_iam(rds) == {f"holdfast_{each}" for each in wanted}
    assert main(["verify"], settings(front, authority, "holdfast_bot")) == 0, capsys.readouterr().err
    assert "paper-spot: 0 difference(s)" in capsys.readouterr().out
    assert "canary" not in "".join(capsys.readouterr())


def test_migrate__says_that_the_master_could_not_sign_in(
    front: RdsFront, authority: Authority, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {
        **settings(front, authority, "holdfast_migrator"),
        "HOLDFAST_DATABASE_MASTER_SECRET": ARN,
    }
    for text in (json.dumps({"username": MASTER, "password": "canary-old"}), "canary, not JSON"):
        with SecretsEndpoint(text) as secrets:
            monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.url)
            assert main(["migrate"], environ) == 13
        said = capsys.readouterr().err
        assert "master" in said
        assert "canary" not in said


def test_roles__a_user_who_may_not_make_them_is_told(rds: Server) -> None:
    with psycopg.connect(rds.url(), autocommit=True) as connection:
        connection.execute("create role nobody_special login")
    with pytest.raises(errors.NotAllowed):
        roles.make_roles(Secret(rds.url("nobody_special", DATABASE)))
