"""What stands before PostgreSQL here as RDS's own door does there: TLS, and a judge of IAM tokens.

Whoever shows a good token of a role whose policies admit the database user is passed on to the server behind, which
trusts this door alone. The master user shows the password of its secret instead. The judge follows AWS's description
of Signature Version 4 and shares no code with what signs.
"""

import hashlib
import hmac
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, quote

from deploy.rehearsal.cloud.credentials import Key

SSL_REQUEST = 80877103
CANCEL_REQUEST = 80877102
TOKEN_LIFE = timedelta(minutes=15)
EMPTY = hashlib.sha256(b"").hexdigest()
PIECE_BYTES = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Who may come in. `find_key` knows the keys that tasks were given, `may_connect` what their roles admit."""

    host: str
    port: int
    region: str
    master: str
    find_key: Callable[[str], Key | None]
    may_connect: Callable[[str, str], bool]
    master_password: Callable[[], str]

    def refusal(self, user: str, shown: str) -> str:
        """Why somebody is sent away; nothing if he may come in."""
        if user == self.master:
            return "" if hmac.compare_digest(shown, self.master_password()) else "the password is wrong"
        address, _, query = shown.partition("/?")
        asked = dict(parse_qsl(query, keep_blank_values=True))
        fault = self._fault_of(address, user, asked)
        if fault:
            return fault
        key = self.find_key(asked["X-Amz-Credential"].partition("/")[0])
        if key is None or key.ends_at < datetime.now(UTC):
            return "its key is not known, or has ended"
        if not hmac.compare_digest(self._signature(asked, key.secret), asked["X-Amz-Signature"]):
            return "its signature is wrong"
        if not self.may_connect(key.role_arn, user):
            return f"no policy of {key.role_arn} lets it connect as {user}"
        return ""

    def _fault_of(self, address: str, user: str, asked: dict[str, str]) -> str:
        if "X-Amz-Signature" not in asked or "X-Amz-Credential" not in asked:
            return "it is no token"
        if address != f"{self.host}:{self.port}" or asked["X-Amz-SignedHeaders"] != "host":
            return "it is for another server"
        if (asked["Action"], asked["DBUser"]) != ("connect", user):
            return "it is for another user"
        signed_at = datetime.strptime(asked["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if not timedelta(minutes=-5) <= datetime.now(UTC) - signed_at <= TOKEN_LIFE:
            return "it is too old"
        if asked["X-Amz-Credential"].split("/")[2:] != [self.region, "rds-db", "aws4_request"]:
            return "its scope is wrong"
        return ""

    def _signature(self, asked: dict[str, str], secret: str) -> str:
        query = "&".join(
            f"{quote(name, safe='-_.~')}={quote(asked[name], safe='-_.~')}"
            for name in sorted(asked)
            if name != "X-Amz-Signature"
        )
        _, *scope = asked["X-Amz-Credential"].split("/")
        canonical = "\n".join(("GET", "/", query, f"host:{self.host}:{self.port}", "", "host", EMPTY))
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join(("AWS4-HMAC-SHA256", asked["X-Amz-Date"], "/".join(scope), digest))
        signing = f"AWS4{secret}".encode()
        for part in scope:
            signing = hmac.digest(signing, part.encode(), "sha256")
        return hmac.digest(signing, text.encode(), "sha256").hex()


class Door:
    """Listens on the port that the template names. `refusals` says why somebody was sent away."""

    def __init__(self, behind: Path, certificate: Path, judge: Judge) -> None:
        self.refusals: list[str] = []
        self._behind = behind
        self._judge = judge
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", judge.port))
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, name="database door", daemon=True).start()

    def cut(self) -> None:
        """Every connection breaks, as when a server fails over."""
        for each in list(self._open):
            _shut(each)

    def close(self) -> None:
        # Closing alone would not wake the thread that accepts.
        _shut(self._listener)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name="database guest", daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            first = _exactly(plain, 8)
            kind = struct.unpack("!II", first)[1]
            if kind == CANCEL_REQUEST:
                with self._connect() as backend:
                    backend.sendall(first + _exactly(plain, 8))
            if kind != SSL_REQUEST:
                # rds.force_ssl: whoever speaks in the clear is not heard.
                plain.close()
                return
            plain.sendall(b"S")
            with self._context.wrap_socket(plain, server_side=True) as client:
                self._welcome(client)
        except OSError:
            plain.close()

    def _welcome(self, client: ssl.SSLSocket) -> None:
        startup = _block(client)
        if struct.unpack("!I", startup[4:8])[0] == CANCEL_REQUEST:
            with self._connect() as backend:
                backend.sendall(startup)
            return
        words = startup[8:].split(b"\0")
        user = words[words.index(b"user") + 1].decode()
        client.sendall(b"R" + struct.pack("!II", 8, 3))
        if _exactly(client, 1) != b"p":
            return
        refusal = self._judge.refusal(user, _block(client)[4:].rstrip(b"\0").decode())
        if refusal:
            self.refusals.append(refusal)
            print(f"rehearsal: the database refused {user}: {refusal}", flush=True)
            fields = f'SFATAL\0VFATAL\0C28000\0MPAM authentication failed for user "{user}"\0\0'.encode()
            client.sendall(b"E" + struct.pack("!I", len(fields) + 4) + fields)
            return
        with self._connect() as backend:
            backend.sendall(startup)
            self._open |= {client, backend}
            try:
                _pass_on(client, backend)
            finally:
                self._open -= {client, backend}

    def _connect(self) -> socket.socket:
        backend = socket.socket(socket.AF_UNIX)
        backend.connect(str(self._behind))
        return backend


def _pass_on(client: ssl.SSLSocket, backend: socket.socket) -> None:
    """Both ways in one thread: an SSL socket must not be read and written by two at once."""
    while True:
        ready = [client] if client.pending() else select.select([client, backend], [], [])[0]
        for source in ready:
            piece = source.recv(PIECE_BYTES)
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
        # The plain socket underneath, even of a TLS one: to the other side it looks as if the network had failed.
        socket.socket.shutdown(each, socket.SHUT_RDWR)
    except OSError:
        return
