"""Who is let near the password: a real PostgreSQL with TLS, under each way in which it may be the wrong one."""

import uuid
from pathlib import Path

import pytest

from runtime import errors
from runtime.domain.identity import UserId
from runtime.settings import Secret
from runtime.store import schema
from runtime.store.access import Access
from runtime.store.pool import Store
from tests.access.authorities import Authority, ServerFiles
from tests.access.tls_postgres import PASSWORD, Cluster

TENANT = UserId(uuid.UUID(int=7))


def access(url: str, bundle: Path | None) -> Access:
    return Access(Secret(url), ca=bundle, password=lambda: Secret(PASSWORD))


def is_encrypted(address: Secret) -> bool:
    """Asked of the server itself, through the pool."""
    with Store(address, TENANT, pool_max=1) as store, store.transaction("look at the connection") as tx:
        row = tx.row("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
    return row == (True,)


def test_tls__the_right_authority_and_host_are_let_in(cluster: Cluster, authority: Authority) -> None:
    with cluster.serve(authority.sign()) as url:
        assert is_encrypted(access(url, authority.bundle))
        assert schema.current(access(url, authority.bundle)) is None


def refused(cluster: Cluster, files: ServerFiles | None, bundle: Path) -> str:
    """What a first look and the pool say; the password must not have been asked for by then."""

    def never() -> Secret:
        return Secret("canary-this-must-never-arrive")

    said_before = len(cluster.log())
    with cluster.serve(files) as url:
        address = Access(Secret(url), ca=bundle, password=never)
        with pytest.raises(errors.StoreUntrusted) as refusal:
            schema.current(address)
        with pytest.raises(errors.StoreUnavailable), Store(address, TENANT, pool_max=1, wait_seconds=0.5):
            pass
    assert "canary" not in str(refusal.value)
    assert "127.0.0.1" not in str(refusal.value)
    # With a password that is wrong the server would have complained of it, had it got one.
    assert "password authentication failed" not in cluster.log()[said_before:]
    return str(refusal.value)


def test_tls__another_authority_is_refused(
    cluster: Cluster, authority: Authority, stranger: Authority
) -> None:
    assert "certificate verify failed" in refused(cluster, authority.sign(), stranger.bundle)


def test_tls__a_certificate_for_another_host_is_refused(cluster: Cluster, authority: Authority) -> None:
    files = authority.sign("ledger.c0ffee.eu-west-2.rds.amazonaws.com")
    assert "its certificate is for another host" in refused(cluster, files, authority.bundle)


def test_tls__an_expired_certificate_is_refused(cluster: Cluster, authority: Authority) -> None:
    sentence = refused(cluster, authority.sign(expired=True), authority.bundle)
    assert "certificate verify failed" in sentence or "expired" in sentence


def test_tls__a_server_without_tls_is_refused(cluster: Cluster, authority: Authority) -> None:
    assert "it offers no TLS" in refused(cluster, None, authority.bundle)


def test_tls__a_bundle_that_is_not_there_is_said(
    cluster: Cluster, authority: Authority, tmp_path: Path
) -> None:
    sentence = refused(cluster, authority.sign(), tmp_path / "gone.pem")
    assert "HOLDFAST_DATABASE_CA cannot be read" in sentence


def test_tls__the_address_cannot_talk_the_bundle_down(
    cluster: Cluster, authority: Authority, stranger: Authority
) -> None:
    with cluster.serve(authority.sign()) as url:
        weaker = access(f"{url}&sslmode=disable&sslrootcert=system", stranger.bundle)
        with pytest.raises(errors.StoreUntrusted):
            schema.current(weaker)


def test_tls__without_a_bundle_the_address_decides(cluster: Cluster, authority: Authority) -> None:
    with cluster.serve(authority.sign()) as url:
        assert is_encrypted(access(f"{url}&sslmode=verify-full&sslrootcert={authority.bundle}", None))
