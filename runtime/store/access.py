"""How PostgreSQL lets us in, and how we know that it is ours: TLS, and a password that may change while we run.

It opens connections and is the only module that knows botocore, which is loaded only where tokens of AWS are wanted.
It promises that each connection is opened with a password looked up for it, that no password stays with the pool, and
that none is sent to a server whose certificate was not verified, once a bundle of authorities is given.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from runtime import errors, logs
from runtime.settings import Secret

Row = tuple[Any, ...]

# RDS refuses a token that is older, and cuts no connection that was opened with it.
_TOKEN_SECONDS = 900
_RDS_HOST = re.compile(r"[^,]+\.([a-z]{2}(?:-[a-z]+)+-\d+)\.rds\.amazonaws\.com(?:\.cn)?")
# What libpq says before any password was asked for; none of these sentences holds an address or a user.
_UNTRUSTED = re.compile(
    r"SSL error: (?P<error>certificate [\w ]+|[\w ]*alert[\w ]*)|(?P<host>server certificate for .* does not match)"
    r"|(?P<plain>server does not support SSL)"
    r"|(?P<file>root certificate file .* does not exist|could not read root cert)"
)


class Access(Secret):
    """An address of the database together with what opening a connection to it takes."""

    __slots__ = ("_ca", "_password")

    def __init__(self, url: Secret, *, ca: Path | None, password: Callable[[], Secret] | None) -> None:
        super().__init__(url.reveal())
        self._ca = ca
        self._password = password

    def parameters(self) -> dict[str, Any]:
        """What goes over the address for one connection, looked up now."""
        parameters: dict[str, Any] = (
            {"sslmode": "verify-full", "sslrootcert": str(self._ca)} if self._ca else {}
        )
        if self._password:
            parameters["password"] = self._password().reveal()
        return parameters


class Admitted(psycopg.Connection[Row]):
    """What the pool opens: the address comes as the keyword `address`, and its password is looked up each time."""

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
        address: Secret = kwargs.pop("address")
        given: dict[str, Any] = address.parameters() if isinstance(address, Access) else {}
        try:
            return super().connect(address.reveal(), **kwargs, **given)
        except psycopg.OperationalError as exc:
            _refuse_untrusted(exc)
            # A password changed under us: whoever changes it in the server changes the file a moment apart. Asking
            # the file needs no knowledge of how this server words a refusal, nor in which language.
            again = address.parameters() if isinstance(address, Access) else given
            if again == given or is_token(given.get("password", "")):
                raise
        return super().connect(address.reveal(), **kwargs, **again)


def connect(address: Secret, **kwargs: Any) -> psycopg.Connection[Row]:
    """One connection outside the pool."""
    return Admitted.connect(address=address, **kwargs)


def password_file(path: Path) -> Callable[[], Secret]:
    """The password as the file says it when asked: a line of text, or the JSON of a secret that RDS keeps."""

    def read() -> Secret:
        try:
            text = path.read_text(encoding="utf-8").strip()
            password = json.loads(text)["password"] if text.startswith("{") else text
        except (OSError, ValueError, KeyError) as fault:
            raise errors.StoreUnavailable(
                action="sign in", detail=f"HOLDFAST_DATABASE_PASSWORD_FILE cannot be read ({_kind(fault)})"
            ) from None
        logs.keep_out(str(password))
        return Secret(str(password))

    return read


def tokens(address: Secret) -> Callable[[], Secret]:
    """A signer of tokens for the user and the server in the address. Nothing is asked of the network but credentials.

    They come from wherever AWS's own tools find them; in ECS that is the task's role. The region stands in the name
    of the server, so that no second setting can contradict it.
    """
    host, port, user = _target(address)
    found = _RDS_HOST.fullmatch(host)
    if not found or not user:
        fault = (
            "DATABASE_URL must name a user and a server of RDS: tokens are signed for these, in its region."
        )
        raise errors.BadSettings(count=1, faults=fault)
    # A third of a second and 15 MB that only this way in has to pay.
    from botocore.exceptions import BotoCoreError
    from botocore.model import ServiceId
    from botocore.session import Session
    from botocore.signers import RequestSigner

    region, session = found[1], Session()
    request = {
        "method": "GET",
        "url": f"https://{host}:{port or 5432}/",
        "url_path": "/",
        "query_string": "",
        "headers": {},
        "body": {"Action": "connect", "DBUser": user},
        "context": {},
    }

    def sign() -> Secret:
        try:
            credentials = session.get_credentials()
            if credentials is None:
                raise errors.StoreUnavailable(action="sign in", detail="AWS gives us no credentials here")
            emitter = session.get_component("event_emitter")
            signer = RequestSigner(ServiceId("RDS"), region, "rds-db", "v4", credentials, emitter)
            signed: str = signer.generate_presigned_url(
                request, "connect", expires_in=_TOKEN_SECONDS, region_name=region, signing_name="rds-db"
            )
        except BotoCoreError as fault:
            detail = f"AWS's credentials could not be had ({_kind(fault)})"
            raise errors.StoreUnavailable(action="sign in", detail=detail) from None
        return Secret(signed.removeprefix("https://"))

    return sign


def master(address: Secret, *, ca: Path | None, secret_arn: str) -> Access:
    """The same server as its master user, with the password as RDS keeps it now: it replaces it every week."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.session import Session

    try:
        client = Session().create_client("secretsmanager", region_name=secret_arn.split(":")[3])
        kept = json.loads(client.get_secret_value(SecretId=secret_arn)["SecretString"])
        logs.keep_out(str(kept["password"]))
        url = make_conninfo(address.reveal(), user=str(kept["username"]), password=str(kept["password"]))
    except (BotoCoreError, ClientError, psycopg.Error, ValueError, KeyError) as fault:
        detail = f"the secret of the master user could not be read ({_kind(fault)})"
        raise errors.StoreUnavailable(action="sign in", detail=detail) from None
    return Access(Secret(url), ca=ca, password=None)


def _target(address: Secret) -> tuple[str, str, str]:
    try:
        target = conninfo_to_dict(address.reveal())
    except psycopg.ProgrammingError:
        target = {}
    host, port, user = (str(target.get(key) or "") for key in ("host", "port", "user"))
    return host, port, user


def is_token(password: str) -> bool:
    return "X-Amz-Signature=" in password


def _refuse_untrusted(exc: psycopg.OperationalError) -> None:
    """The server is not the one that was meant, or somebody stands between: that is no outage to wait out."""
    found = _UNTRUSTED.search(str(exc))
    if found is None:
        return
    details = {
        "error": found["error"],
        "host": "its certificate is for another host",
        "plain": "it offers no TLS",
        "file": "the file of HOLDFAST_DATABASE_CA cannot be read",
    }
    raise errors.StoreUntrusted(detail=details[str(found.lastgroup)]) from None


def _kind(fault: Exception) -> str:
    # The text of such a fault may hold the file's content or a credential.
    return type(fault).__name__
