"""Whom the API believes: every way in which a token may lie is refused in the same words, and never repeated."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from runtime import errors, signing
from runtime.api import signin, tokens
from runtime.api.tokens import PublishedKeys, SharedSecret, Verifier
from runtime.domain.identity import user_id
from runtime.settings import Secret, Settings
from tests.api.serving import CANARY, Api

NOW = int(time.time())
GOOD: dict[str, Any] = {
    "sub": "anna",
    "role": "viewer",
    "iss": "holdfast",
    "aud": "holdfast-api",
    "iat": NOW,
    "exp": NOW + 3600,
}


def part(told: bytes) -> str:
    return base64.urlsafe_b64encode(told).rstrip(b"=").decode()


def signed(header: bytes, payload: bytes, secret: str = CANARY) -> str:
    """By hand, for what no library would write."""
    body = f"{part(header)}.{part(payload)}"
    return f"{body}.{part(hmac.new(secret.encode(), body.encode(), hashlib.sha256).digest())}"


def told(secret: str = CANARY, algorithm: str = "HS256", headers: Any = None, **changes: Any) -> str:
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    return jwt.encode(claims, secret, algorithm=algorithm, headers=headers)


HEADER = b'{"alg":"HS256","typ":"JWT"}'
PAYLOAD = json.dumps(GOOD).encode()
BAD = {
    "empty": "",
    "no token": "abc",
    "none": jwt.encode(GOOD, "", algorithm="none"),
    "None": f"{part(HEADER.replace(b'HS256', b'None'))}.{part(PAYLOAD)}.",
    "no signature": f"{part(HEADER)}.{part(PAYLOAD)}.",
    "another secret": told(secret="x" * 48),
    "another algorithm": told(algorithm="HS512", secret=CANARY),
    "expired": told(exp=NOW - 60),
    "not yet": told(nbf=NOW + 3600),
    "from the future": told(iat=NOW + 3600),
    "another audience": told(aud="somebody-else"),
    "many audiences": told(aud=["holdfast-api", "somebody-else"]),
    "another issuer": told(iss="somebody-else"),
    **{f"without {name}": told(**dict[str, Any]({name: ...})) for name in GOOD},
    "unknown role": told(role="root"),
    "role of many": told(role=["viewer", "admin"]),
    "nobody": told(sub=""),
    "a number for a name": signed(HEADER, PAYLOAD.replace(b'"anna"', b"7")),
    "an odd name": told(sub="anna\x00"),
    "an odd tenant": told(user=["bert"]),
    "end of another type": signed(HEADER, PAYLOAD.replace(str(NOW + 3600).encode(), b'"never"')),
    "end without an end": signed(HEADER, PAYLOAD.replace(str(NOW + 3600).encode(), b"1e400")),
    "a claim twice": signed(HEADER, PAYLOAD.replace(b'"role"', b'"role": "admin", "role"')),
    "an algorithm twice": signed(b'{"alg":"none","alg":"HS256"}', PAYLOAD),
    "a critical header": told(headers={"crit": ["exp"], "exp": 1}),
    "deep": signed(HEADER, b"[" * 4000),
    "huge": told(sub="anna", more="x" * 9000),
    "not ASCII": "é.é.é",
}


@pytest.mark.parametrize("name", BAD)
def test_token__that_lies_is_refused(api: Api, name: str) -> None:
    header = f"Bearer {BAD[name]}".strip().encode()
    answer = httpx.get(f"{api.url}/api/v1/bots", headers={b"Authorization": header})
    # One that is too large does not reach us as a request at all.
    assert answer.status_code == 401 or (name == "huge" and answer.status_code == 431), answer.text
    assert BAD[name][:40] not in answer.text or not BAD[name]


def test_token__that_is_true_is_believed_wherever_it_says_its_key_is(api: Api) -> None:
    """`kid`, `jku` and `x5u` of a shared secret mean nothing: nobody is asked for a key because of them."""
    odd = {"kid": "../../etc/passwd", "jku": "http://127.0.0.1:9/", "x5u": "http://127.0.0.1:9/"}
    for token in (told(), told(headers=odd)):
        answer = httpx.get(f"{api.url}/api/v1/session", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["user"]) == (200, "anna")


@pytest.mark.parametrize("way", ["parameter", "cookie", "basic", "twice"])
def test_token__is_believed_in_its_header_alone(api: Api, way: str) -> None:
    token, url = told(), f"{api.url}/api/v1/bots"
    ways: dict[str, Any] = {
        "parameter": {"params": {"token": token, "access_token": token}},
        "cookie": {"headers": {"Cookie": f"token={token}; session={token}"}},
        "basic": {"headers": {"Authorization": f"Basic {token}"}},
        "twice": {"headers": [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]},
    }
    assert httpx.get(url, **ways[way]).status_code == 401


def test_secrets__are_in_no_log_and_no_answer(api: Api) -> None:
    with api.client() as client:
        for path in ("/bots", "/orders/x", f"/orders/{user_id('x')}", "/candles", "/nowhere"):
            answer = client.get(path)
            assert CANARY not in answer.text
            assert client.headers["Authorization"].split()[1] not in answer.text
    assert CANARY not in api.log()
    assert "eyJ" not in api.log(), "no token, believed or not"


# --- the keys of an issuer -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def issuer() -> Iterator[tuple[rsa.RSAPrivateKey, str]]:
    """A key, and a server that publishes its public part."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    body = json.dumps({"keys": [{**public, "kid": "one", "use": "sig", "alg": "RS256"}]}).encode()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield key, f"http://127.0.0.1:{server.server_port}/keys"
    server.shutdown()
    server.server_close()
    thread.join()


def test_issuer__signs_and_is_believed(issuer: tuple[rsa.RSAPrivateKey, str]) -> None:
    key, url = issuer
    verifier = Verifier(PublishedKeys(url), "holdfast", "holdfast-api")
    token = jwt.encode(
        {**GOOD, "user": "team", "role": "admin"}, key, algorithm="RS256", headers={"kid": "one"}
    )
    believed = verifier.verify(token)
    assert (believed.name, believed.user, believed.role) == ("anna", user_id("team"), "admin")


def test_issuer__its_public_key_signs_nothing(issuer: tuple[rsa.RSAPrivateKey, str]) -> None:
    """The confusion of algorithms: what everybody may know, taken for a shared secret."""
    key, url = issuer
    verifier = Verifier(PublishedKeys(url), "holdfast", "holdfast-api")
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = b'{"alg":"HS256","kid":"one"}'
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    refused = [
        signed(header, PAYLOAD, public.decode()),
        jwt.encode(GOOD, key, algorithm="RS256", headers={"kid": "two"}),
        jwt.encode(GOOD, key, algorithm="RS512", headers={"kid": "one"}),
        jwt.encode(GOOD, key, algorithm="RS256"),
        jwt.encode(GOOD, other, algorithm="RS256", headers={"kid": "one"}),
        jwt.encode(GOOD, "", algorithm="none", headers={"kid": "one"}),
    ]
    for token in refused:
        with pytest.raises(errors.NotSignedIn):
            verifier.verify(token)


def test_issuer__that_cannot_be_asked_lets_nobody_in() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    verifier = Verifier(PublishedKeys("http://127.0.0.1:9/keys"), "holdfast", "holdfast-api")
    with pytest.raises(errors.NotSignedIn):
        verifier.verify(jwt.encode(GOOD, key, algorithm="RS256", headers={"kid": "one"}))


# --- the secret and the sign-in of a folder --------------------------------------------------------------------------


def test_secret__is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "api" / "secret"
    made = tokens.keep_secret(path)
    assert tokens.keep_secret(path).reveal() == made.reveal()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["secret"]
    path.chmod(0o644)
    with pytest.raises(errors.BadInput):
        tokens.keep_secret(path)


def test_sign_in__works_once_and_in_its_time(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    code = signin.issue(tmp_path, user="anna", role="operator", now=now)
    assert code not in (tmp_path / "sign-in.json").read_text()
    for wrong, at in (("x", now), (code, now.replace(year=now.year + 1))):
        with pytest.raises(errors.NotSignedIn):
            signin.redeem(tmp_path, wrong, at)
    assert signin.redeem(tmp_path, code, now) == ("anna", "operator")
    with pytest.raises(errors.NotSignedIn):
        signin.redeem(tmp_path, code, now)


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.2", "127.0.0.2")])
def test_sign_in__is_at_an_address_that_a_browser_can_open(tmp_path: Path, host: str, shown: str) -> None:
    told = {"HOLDFAST_DATA_DIR": str(tmp_path), "HOLDFAST_API_HOST": host, "HOLDFAST_API_PORT": "8100"}
    address = signing.address_of_page(Settings.from_env(told), "anna")
    assert address.startswith(f"http://{shown}:8100/#sign-in=")


def test_token__that_was_believed_is_recalled_until_it_ends() -> None:
    verifier = Verifier(SharedSecret(Secret(CANARY)), "holdfast", "holdfast-api")
    lasting, ended = told(), told(exp=int(time.time()) - 2)
    assert verifier.recall(lasting) is None
    assert verifier.verify(lasting) == verifier.recall(lasting)
    assert verifier.verify(ended).name == "anna", "clocks may differ by some seconds"
    assert verifier.recall(ended) is None
    for other in (lasting[:-1], lasting + "=", told(iss="somebody-else"), "\ud800"):
        assert verifier.recall(other) is None


def test_token__of_make_token_says_what_it_was_asked() -> None:
    secret = Secret(CANARY)
    token = tokens.make_token(
        secret, issuer="i", audience="a", user="anna", role="operator", hours=1, now=datetime.now(UTC)
    )
    believed = Verifier(SharedSecret(secret), "i", "a").verify(token)
    assert (believed.name, believed.user, believed.role) == ("anna", user_id("anna"), "operator")
    assert 3500 < (believed.expires_at - datetime.now(UTC)).total_seconds() <= 3600
