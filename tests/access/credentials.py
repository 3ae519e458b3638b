"""The endpoint from which a task in ECS has its credentials: each answer has new keys that end within minutes."""

import itertools
import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

# Shorter than what botocore asks for before it uses them without a refresh: each token has keys of its own.
LIFE = timedelta(minutes=5)


class CredentialsEndpoint:
    """`secrets` are the keys that are good, by their ids; whoever takes one out has revoked it."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.is_broken = False
        self._numbers = itertools.count(1)
        endpoint = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = b"{}" if endpoint.is_broken else endpoint.answer()
                self.send_response(500 if endpoint.is_broken else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the test run's output is for the tests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v2/credentials"

    def answer(self) -> bytes:
        number = next(self._numbers)
        key, secret = f"ASIATEST{number:012d}", f"secret-{number}"
        self.secrets[key] = secret
        ends = (datetime.now(UTC) + LIFE).strftime("%Y-%m-%dT%H:%M:%SZ")
        return json.dumps(
            {
                "AccessKeyId": key,
                "SecretAccessKey": secret,
                "Token": f"session/{number}==",
                "Expiration": ends,
            }
        ).encode()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class SecretsEndpoint:
    """The one call of Secrets Manager that we make: an answer with the text of the secret, and a count of calls."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[str] = []
        endpoint = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.asked.append(asked["SecretId"])
                body = json.dumps({"ARN": asked["SecretId"], "SecretString": endpoint.text}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the test run's output is for the tests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
