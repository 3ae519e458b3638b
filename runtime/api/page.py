"""The files of the page, read once and kept in memory.

It speaks ASGI and knows no framework. Whoever asks for the page is told of all its modules at once: a browser that
finds them one behind the other, each in the one before, asks five times in a row before it can draw.
"""

import hashlib
import mimetypes
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runtime import errors
from runtime.api import charts
from runtime.api.guard import Receive, Scope, Send

FOLDER = Path(__file__).parent / "dashboard"
_INDEX = "/index.html"
_LIBRARY = "/lightweight-charts.js"
# The only script that is no module.
_SCRIPT = "/theme.js"
# What nothing can be drawn without, before all modules: a browser asks for six files at a time.
_FIRST = ("</style.css>; rel=preload; as=style", "</theme.js>; rel=preload; as=script")
# Asked for again at each visit, and then not sent again unless it changed.
_FRESH, _DAY = b"no-cache", b"max-age=86400"


@dataclass(frozen=True, slots=True)
class File:
    body: bytes
    tag: bytes
    headers: list[tuple[bytes, bytes]]


class Pages:
    """Every file by its address."""

    def __init__(self) -> None:
        found = {f"/{path.relative_to(FOLDER)}": path.read_bytes() for path in FOLDER.rglob("*.*")}
        modules = sorted(name for name in found if name.endswith(".js") and name != _SCRIPT)
        self._files = {name: _file(name, body, _FRESH) for name, body in found.items()}
        self._files[_INDEX].headers.append((b"link", ", ".join([*_FIRST, *map(_ahead, modules)]).encode()))
        self._files["/"] = self._files[_INDEX]
        with suppress(errors.NotFound):  # the page says so itself, and does without
            self._files[_LIBRARY] = _file(_LIBRARY, charts.library(), _DAY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        file = self._files.get(scope["path"])
        if file is None:
            raise errors.NotFound(noun="page", key=scope["path"][:100])
        is_known = (b"if-none-match", file.tag) in scope["headers"]
        status, body = (304, b"") if is_known else (200, file.body)
        length = [] if is_known else [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": [*file.headers, *length]})
        await send({"type": "http.response.body", "body": body})


def _file(name: str, body: bytes, keep: bytes) -> File:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'.encode()
    text = "; charset=utf-8" if kind.startswith("text/") else ""
    headers = [(b"content-type", f"{kind}{text}".encode()), (b"etag", tag), (b"cache-control", keep)]
    return File(body, tag, headers)


def _ahead(module: str) -> str:
    return f"<{module}>; rel=modulepreload"
