"""The endpoint from which a task has its role's keys, as ECS gives it one. Each task has keys of its own, which end.

`keys` is also how the database's door knows which role signed a token.
"""

import json
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LIFE = timedelta(hours=1)
ACCESS_KEY_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Key:
    access_key: str
    secret: str
    token: str
    role_arn: str
    ends_at: datetime


class Credentials:
    def __init__(self) -> None:
        self.keys: dict[str, Key] = {}
        self._roles: dict[str, str] = {}
        endpoint = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                role = endpoint._roles.get(self.path.rpartition("/")[2])
                body = json.dumps(endpoint._answer(role) if role else {}).encode()
                self.send_response(200 if role else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: an address here is as good as a key."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        threading.Thread(target=self._server.serve_forever, name="credentials", daemon=True).start()

    def admit(self, role_arn: str) -> str:
        """The address at which one task finds the keys of its role."""
        name = secrets.token_urlsafe(16)
        self._roles[name] = role_arn
        return f"http://127.0.0.1:{self._server.server_port}/v2/credentials/{name}"

    def forget(self, address: str) -> None:
        """The task has ended."""
        self._roles.pop(address.rpartition("/")[2], None)

    def _answer(self, role_arn: str) -> dict[str, str]:
        key = Key(
            access_key=f"ASIA{secrets.token_hex(ACCESS_KEY_DIGITS // 2).upper()}",
            secret=secrets.token_urlsafe(30),
            token=secrets.token_urlsafe(60),
            role_arn=role_arn,
            ends_at=datetime.now(UTC) + LIFE,
        )
        self.keys[key.access_key] = key
        return {
            "RoleArn": role_arn,
            "AccessKeyId": key.access_key,
            "SecretAccessKey": key.secret,
            "Token": key.token,
            "Expiration": key.ends_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
