"""How a venue or a network can fail, said without a word of the client's own texts, which carry addresses.

Pure. `FOREIGN` is everything that the client, its HTTP library or a hostile reply may raise; it is caught in one place
for reads and in one place for submissions.
"""

import ssl
from collections.abc import Iterator
from http.client import HTTPException

import ccxt
from urllib3.exceptions import HTTPError

from runtime.exchanges.door import Withheld
from runtime.exchanges.readings import Unreadable

FOREIGN = (
    ccxt.BaseError,
    HTTPError,
    HTTPException,
    OSError,
    Withheld,
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    AssertionError,
    MemoryError,
)
CHAIN_MAX = 20
# By the numbers of OpenSSL; its own words name the host.
CERTIFICATE_FAULTS = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is signed by itself",
    19: "its certificate is signed by nobody whom this machine trusts",
    20: "its certificate is signed by nobody whom this machine trusts",
    23: "its certificate was revoked",
    62: "its certificate is another host's",
    64: "its certificate is another host's",
}


def describe(exc: BaseException) -> str:
    insecure = next((each for each in _chain(exc) if isinstance(each, ssl.SSLError)), None)
    if isinstance(insecure, ssl.SSLCertVerificationError):
        number = insecure.verify_code
        return CERTIFICATE_FAULTS.get(number, f"its certificate did not pass the check ({number})")
    if insecure is not None:
        return "no encrypted connection came about, or it broke"
    match exc:
        case Unreadable() | Withheld():
            return str(exc)
        case ccxt.RequestTimeout():
            return "no reply came in time"
        case ccxt.NetworkError():
            return "the connection failed or was cut"
        case ccxt.BaseError():
            return f"it answered with a fault ({type(exc).__name__})"
        case OSError() | HTTPError() | HTTPException():
            return f"the network failed ({type(exc).__name__})"
        case _:
            return f"it answered something unreadable ({type(exc).__name__})"


def is_distrust(exc: BaseException) -> bool:
    """Whether somebody answered who could not prove to be the venue."""
    return any(isinstance(each, ssl.SSLCertVerificationError) for each in _chain(exc))


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """The exception and what lies behind it; a library wraps another's in its arguments, too."""
    waiting: list[object] = [exc]
    for _ in range(CHAIN_MAX):
        if not waiting:
            return
        each = waiting.pop()
        if isinstance(each, BaseException):
            yield each
            waiting += [each.__cause__, *each.args, getattr(each, "reason", None)]
