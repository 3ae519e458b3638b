"""A sign-in that works once: whoever starts the API writes down what a code has to be, the page shows the code once.

Only the code's digest lies on the disk, readable by its owner alone; taking it is removing it, so it is taken once.
"""

import hashlib
import hmac
import json
import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path

from runtime import errors

_FILE = "sign-in.json"
_LIFE = timedelta(hours=12)


def issue(folder: Path, *, user: str, role: str, now: datetime) -> str:
    """The code; an earlier one is void."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    code = secrets.token_urlsafe(15)
    note = {"digest": _digest(code), "user": user, "role": role, "until": (now + _LIFE).isoformat()}
    fresh = folder / f"{_FILE}.{os.getpid()}.new"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(note, file)
    os.replace(fresh, folder / _FILE)
    return code


def redeem(folder: Path, code: str, now: datetime) -> tuple[str, str]:
    """The user and role that it was issued for, once."""
    path = folder / _FILE
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        is_right = hmac.compare_digest(note["digest"], _digest(code))
        if is_right and now <= datetime.fromisoformat(note["until"]):
            path.unlink()  # the second of two at once finds nothing to remove
            return note["user"], note["role"]
    except FileNotFoundError:
        raise errors.NotSignedIn(detail="no sign-in waits: it was used, or there was none") from None
    raise errors.NotSignedIn(detail="that is not the sign-in that waits")


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
