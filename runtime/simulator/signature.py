"""Who asks: the ACCESS headers of a request, checked as the venue checks them.

Pure; touches nothing. Each way to be wrong has the venue's own code.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from runtime.simulator.records import Account
from runtime.simulator.replies import refusal


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; header names are lower case, `query` is as it came."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def fields(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True, max_num_fields=100))


def sign(secret: str, timestamp: str, request: Request, query: str) -> str:
    signed = timestamp + request.method + request.path + (f"?{query}" if query else "")
    digest = hmac.new(secret.encode(), signed.encode() + request.body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def account_of(accounts: Iterable[Account], request: Request) -> Account | None:
    """Whose key the request bears, before anything is believed."""
    api_key = request.headers.get("access-key", "")
    return next((account for account in accounts if account.api_key == api_key), None)


def authenticate(accounts: Iterable[Account], request: Request, *, now_ms: int, window_ms: int) -> Account:
    headers = request.headers
    if not headers.get("access-key"):
        raise refusal("40001", "ACCESS_KEY cannot be empty")
    if not headers.get("access-sign"):
        raise refusal("40003", "Signature cannot be empty")
    if not headers.get("access-passphrase"):
        raise refusal("40011", "ACCESS_PASSPHRASE cannot be empty")
    account = account_of(accounts, request)
    if account is None:
        raise refusal("40006", "Invalid ACCESS_KEY")
    if not hmac.compare_digest(account.passphrase.encode(), headers["access-passphrase"].encode()):
        raise refusal("40012", "apikey/password is incorrect")
    _check_timestamp(headers.get("access-timestamp", ""), now_ms, window_ms)
    _check_sign(account, request)
    return account


def _check_timestamp(written: str, now_ms: int, window_ms: int) -> None:
    if not written.isascii() or not written.isdigit() or len(written) > 20:
        raise refusal("40005", "Invalid ACCESS_TIMESTAMP")
    if abs(now_ms - int(written)) > window_ms:
        raise refusal("40008", "Request timestamp expired")


def _check_sign(account: Account, request: Request) -> None:
    """The venue signs the decoded query; clients that sign it as sent are accepted when both are the same text."""
    given = request.headers["access-sign"].encode()
    expected = sign(account.api_secret, request.headers["access-timestamp"], request, unquote(request.query))
    if not hmac.compare_digest(expected.encode(), given):
        raise refusal("40009", "sign signature error")
