"""How a venue or a network can fail, said without a word of the client's own texts, which carry addresses.

Pure. `FOREIGN` is everything that the client, its HTTP library or a hostile reply may raise; it is caught in one place
for reads and in one place for submissions.
"""

from http.client import HTTPException

import ccxt
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

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


def describe(exc: BaseException) -> str:
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


def never_connected(exc: BaseException) -> bool:
    """Whether no connection was made at all, so that nothing can have left."""
    seen: list[object] = [exc]
    for _ in range(CHAIN_MAX):
        if not seen:
            return False
        each = seen.pop()
        if isinstance(each, NewConnectionError | ConnectTimeoutError):
            return True
        if isinstance(each, BaseException):
            seen += [each.__cause__, *each.args, getattr(each, "reason", None)]
    return False
