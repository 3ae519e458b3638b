"""What stands before an RDS server with IAM authentication: TLS, a cleartext password, and a judge of tokens.

Behind it is the suites' own PostgreSQL, to which everything is passed on once the token was found good. The judge
follows AWS's description of Signature Version 4 and shares no code with what signs.
"""

import hashlib
import hmac
import select
import socket
import ssl
import struct
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, quote

from tests.access.authorities import HOST, ServerFiles

_SSL_REQUEST = 80877103
_EMPTY = hashlib.sha256(b"").hexdigest()


class RdsFront:
    """Signs in whoever shows a good token; `tokens` are all that it saw, `refusals` why it sent somebody away.

    Users in `passwords` show that instead, as the master user of RDS does.
    """

    def __init__(
        self,
        backend: Path,
        files: ServerFiles,
        secrets: Mapping[str, str],
        passwords: Mapping[str, str] | None = None,
    ) -> None:
        self._passwords = passwords or {}
        self.tokens: list[str] = []
        self.refusals: list[str] = []
        self._backend = backend
        self._secrets = secrets
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(files.certificate, files.key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []

    def url(self, user: str, database: str) -> str:
        return f"postgresql://{user}@{HOST}:{self.port}/{database}?hostaddr=127.0.0.1"

    def cut(self) -> None:
        """Every connection breaks, as when a server fails over."""
        for each in self._open:
            _shut(each)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        # Closing alone would not wake the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            if struct.unpack("!II", _exactly(plain, 8))[1] != _SSL_REQUEST:
                plain.close()
                return
            plain.sendall(b"S")
            with self._context.wrap_socket(plain, server_side=True) as client:
                self._sign_in(client)
        except OSError:
            plain.close()

    def _sign_in(self, client: ssl.SSLSocket) -> None:
        startup = _block(client)
        words = startup[8:].split(b"\0")
        user = words[words.index(b"user") + 1].decode()
        client.sendall(b"R" + struct.pack("!II", 8, 3))
        assert _exactly(client, 1) == b"p"
        token = _block(client)[4:].rstrip(b"\0").decode()
        if user in self._passwords:
            refusal = "" if self._passwords[user] == token else "its password is wrong"
        else:
            self.tokens.append(token)
            refusal = judge(token, host=f"{HOST}:{self.port}", user=user, secrets=self._secrets)
        if refusal:
            self.refusals.append(refusal)
            fields = f'SFATAL\0VFATAL\0C28000\0MPAM authentication failed for user "{user}"\0\0'.encode()
            client.sendall(b"E" + struct.pack("!I", len(fields) + 4) + fields)
            return
        with socket.socket(socket.AF_UNIX) as backend:
            backend.connect(str(self._backend / ".s.PGSQL.5432"))
            backend.sendall(startup)
            self._open += [client, backend]
            _pass_on(client, backend)


def judge(
    token: str, *, host: str, user: str, secrets: Mapping[str, str], now: datetime | None = None
) -> str:
    """Why a token is refused; nothing if it is good."""
    address, _, query = token.partition("/?")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    key, day, region, service, ending = asked["X-Amz-Credential"].split("/")
    if address != host or asked["X-Amz-SignedHeaders"] != "host":
        return "it is for another server"
    if (asked["Action"], asked["DBUser"]) != ("connect", user):
        return "it is for another user"
    signed_at = datetime.strptime(asked["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if not timedelta(seconds=-60) <= (now or datetime.now(UTC)) - signed_at <= timedelta(minutes=15):
        return "it is too old"
    if int(asked["X-Amz-Expires"]) > 900 or (region, service, ending) != (
        _region(host),
        "rds-db",
        "aws4_request",
    ):
        return "its scope is wrong"
    if key not in secrets:
        return "its key was revoked"
    signature = asked.pop("X-Amz-Signature")
    canonical_query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(asked[name], safe='-_.~')}" for name in sorted(asked)
    )
    canonical = "\n".join(("GET", "/", canonical_query, f"host:{host}", "", "host", _EMPTY))
    scope = f"{day}/{region}/{service}/{ending}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", asked["X-Amz-Date"], scope, digest))
    signing = f"AWS4{secrets[key]}".encode()
    for part in (day, region, service, ending):
        signing = hmac.digest(signing, part.encode(), "sha256")
    right = hmac.digest(signing, text.encode(), "sha256").hex()
    return "" if hmac.compare_digest(right, signature) else "its signature is wrong"


def _region(host: str) -> str:
    return host.split(".")[2]


def _pass_on(client: ssl.SSLSocket, backend: socket.socket) -> None:
    """Both ways in one thread: an SSL socket must not be read and written by two at once."""
    while True:
        ready = [client] if client.pending() else select.select([client, backend], [], [])[0]
        for source in ready:
            piece = source.recv(65536)
            if not piece:
                _shut(client)
                _shut(backend)
                return
            (backend if source is client else client).sendall(piece)


def _block(source: socket.socket) -> bytes:
    """A message that begins with its own length."""
    length = _exactly(source, 4)
    return length + _exactly(source, struct.unpack("!I", length)[0] - 4)


def _exactly(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = source.recv(count - len(data))
        if not piece:
            raise ConnectionError("the client went away")
        data += piece
    return data


def _shut(each: socket.socket) -> None:
    try:
        # The plain socket underneath, even for a TLS one: to the other side it looks as if the network had failed.
        socket.socket.shutdown(each, socket.SHUT_RDWR)
    except OSError:
        return
