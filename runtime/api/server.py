"""The HTTP server: the only module that knows the framework. It turns the table of routes into addresses, requests into
calls and errors into answers, and hands the stream to its clients.

Handlers run in a few threads, one transaction each. It promises that nothing is answered without a token but whether
the process lives, that an error is one shape, and that a client which does not keep up is dropped, never waited for.
"""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast, get_args, get_origin

import anyio.to_thread
import uvicorn
from fastapi import (
    Depends,
    FastAPI,
    Header,
    Query,
    Request,
    Response,
    Security,
    WebSocket,
    WebSocketDisconnect,
)
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from fastapi.staticfiles import StaticFiles
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from runtime import errors, logs
from runtime.api import charts, problems, routes, streaming, wishes
from runtime.api.guard import Guard
from runtime.api.hub import Hub, Resume
from runtime.api.problems import Problem
from runtime.api.rates import Rates
from runtime.api.routes import ROOT, Read, Reads, Wish
from runtime.api.shapes import Alive, Backup, Code
from runtime.api.tokens import TOKEN_BYTES_MAX, Principal, Role, Session, Verifier
from runtime.store.paging import Page
from runtime.store.pool import Store, Tx
from runtime.store.user_settings import UserSettings
from runtime.telemetry import prometheus, table
from runtime.telemetry.meters import Meters

PAGE = Path(__file__).parent / "dashboard"

_TEXT = r"^[^\x00]*$"
# What a parameter of this name may be, wherever it is asked for.
_PARAMETERS: Mapping[str, Any] = {
    "limit": Query(ge=1, le=500, description="How many at most."),
    "after": Query(max_length=500, description="The cursor `next` of the page before."),
    "symbol": Query(max_length=60, pattern=_TEXT),
    "timeframe": Query(max_length=20, pattern=_TEXT),
    "scorer": Query(max_length=60, pattern=_TEXT),
    "model": Query(max_length=200, pattern=_TEXT),
    "points": Query(ge=1, le=2000, description="How many at most."),
    "rank": Query(ge=0, le=1_000_000_000, description="The rank of the last one that was seen."),
}
_KEY = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key and request is the same wish, written once; another request with it is refused.",
    ),
]
_BEARER = HTTPBearer(auto_error=False, description="A token: `python -m runtime token --user .. --role ..`")
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (400, 401, 403, 404, 409, 413, 422, 429, 503)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the server is made of. `sign_in` turns a code into a token, once; `backups` lists what there is."""

    store: Store
    verifier: Verifier
    hub: Hub
    rates: Rates
    meters: Meters
    threads: int
    sign_in: Callable[[str], Session]
    backups: Callable[[], list[Backup]]
    system: Callable[[], dict[str, Any]]


def encode(value: object) -> str:
    return to_json(value).decode()


# --- building --------------------------------------------------------------------------------------------------------


def build(parts: Parts) -> FastAPI:
    app = FastAPI(
        title="Holdfast",
        version="1",
        description="What every bot does, and how to ask its desk for something.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan(parts),
        exception_handlers=_handlers(),
    )
    app.state.parts = parts
    for route in routes.READS:
        _add_read(app, route)
    for wish in routes.WISHES:
        _add_wish(app, wish)
    _add_others(app)
    app.add_api_websocket_route(f"{ROOT}/stream", _stream)
    app.mount("/", StaticFiles(directory=PAGE, html=True), name="page")
    return app


def describe() -> dict[str, Any]:
    """The OpenAPI document of all this, without a server."""
    return build(cast(Parts, None)).openapi()


def serve(app: FastAPI, *, host: str, port: int, on_listening: Callable[[int], None]) -> None:
    """Until told to stop by a signal."""
    config = uvicorn.Config(
        Guard(app, app.state.parts.meters),
        host=host,
        port=port,
        ws="websockets-sansio",
        ws_max_size=TOKEN_BYTES_MAX * 2,
        ws_max_queue=4,
        # Every message would be compressed for each client anew.
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        h11_max_incomplete_event_size=TOKEN_BYTES_MAX * 2,
        limit_concurrency=streaming.CLIENTS_MAX + 200,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
        proxy_headers=False,
    )
    server = _Announced(config, on_listening)
    server.run()


class _Announced(uvicorn.Server):
    """Says where it listens, once it does."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[int], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: Any = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:  # what uvicorn makes of a port that is taken
            raise errors.PortBusy(
                host=self.config.host, port=self.config.port, setting="HOLDFAST_API_PORT"
            ) from None
        if self.started:
            self._on_listening(self.servers[0].sockets[0].getsockname()[1])


def _lifespan(parts: Parts) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = parts.threads
        parts.hub.start()
        try:
            yield
        finally:
            parts.hub.stop()

    return running


def _add_read(app: FastAPI, route: Read) -> None:
    def endpoint(request: Request, **given: Any) -> Response:
        principal: Principal = request.state.principal
        with _opened(app.state.parts.store, principal, route.reads) as tx:
            told = route.act(tx, **given)
        return _answer(told)

    _add(app, "GET", route.path, endpoint, route.act, {}, role=route.role)


def _add_wish(app: FastAPI, wish: Wish) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(wish.body)

    def endpoint(request: Request, key: str, **given: Any) -> Response:
        principal: Principal = request.state.principal
        asker = wishes.Asker(principal, app.state.parts.store.of(principal.user))
        told = wish.act(asker, **given, body=_parse(adapter, request.state.body), key=key)
        return _answer(told, 202)

    _add(app, "POST", wish.path, endpoint, wish.act, {"key": _KEY}, role=wish.role, body=adapter)


def _add(
    app: FastAPI,
    method: str,
    path: str,
    endpoint: Callable[..., Response],
    act: Callable[..., Any],
    more: Mapping[str, Any],
    *,
    role: Role | None = None,
    body: TypeAdapter[Any] | None = None,
) -> None:
    """The function's own signature says what is asked; what it is given by us is left out."""
    told = inspect.signature(act, eval_str=True)
    asked = [
        each.replace(annotation=_annotated(each), kind=inspect.Parameter.KEYWORD_ONLY)
        for each in told.parameters.values()
        if each.name not in ("tx", "asker", "parts", "request", "body", "key")
    ]
    given = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
        for name, annotation in {"request": Request, **more}.items()
    ]
    endpoint.__signature__ = inspect.Signature([*given, *asked])  # type: ignore[attr-defined]
    endpoint.__name__ = act.__name__.strip("_")
    dependencies = [Depends(_read_body)] if body is not None else []
    signed_in = [Depends(_permitted(role)), Security(_BEARER)] if role is not None else []
    app.add_api_route(
        ROOT + path,
        endpoint,
        methods=[method],
        response_model=_listed(told.return_annotation),
        status_code=202 if method == "POST" else 200,
        summary=(act.__doc__ or "").strip().partition("\n")[0],
        description=" ".join((act.__doc__ or "").split()) + (f" For {role}s and above." if role else ""),
        responses=_PROBLEMS,
        dependencies=[*signed_in, *dependencies],
        openapi_extra=_described(body),
        tags=[path.split("/")[1]],
    )


def _add_others(app: FastAPI) -> None:
    """What asks no ledger, or writes none of its tables for desks."""
    parts: Parts = app.state.parts
    for method, path, act, role in _OTHERS:
        _add_other(app, method, path, act, role)
    permitted = [Depends(_permitted("viewer")), Security(_BEARER)]

    def metrics() -> Response:
        parts.meters.set(table.STREAM_CLIENTS, parts.hub.count())
        text, kind = prometheus.render(parts.meters)
        return Response(text, headers={"Content-Type": kind})

    def describe() -> Response:
        return _answer(app.openapi())

    def draw() -> Response:
        return Response(
            charts.library(), media_type="text/javascript", headers={"Cache-Control": "max-age=86400"}
        )

    app.add_api_route("/lightweight-charts.js", draw, include_in_schema=False)
    app.add_api_route("/metrics", metrics, include_in_schema=False, dependencies=permitted)
    app.add_api_route(f"{ROOT}/openapi.json", describe, include_in_schema=False, dependencies=permitted)


def _add_other(app: FastAPI, method: str, path: str, act: Callable[..., Any], role: Role | None) -> None:
    wanted = inspect.signature(act, eval_str=True).parameters.get("body")
    adapter: TypeAdapter[Any] | None = None if wanted is None else TypeAdapter(wanted.annotation)

    def endpoint(request: Request) -> Response:
        given = {} if adapter is None else {"body": _parse(adapter, request.state.body)}
        return _answer(act(app.state.parts, request, **given))

    _add(app, method, path, endpoint, act, {}, role=role, body=adapter)


def _show_health(parts: Parts, request: Request) -> Alive:
    """Whether this process lives. It says nothing else, so it asks for no token."""
    return Alive()


def _show_session(parts: Parts, request: Request) -> Session:
    """Who the token says that you are."""
    who: Principal = request.state.principal
    return Session(None, who.name, who.role, who.expires_at)


def _sign_in(parts: Parts, request: Request, body: Code) -> Session:
    """Signs the page in, once, with the code that its address ends with."""
    parts.rates.take(_peer(request), time.monotonic())
    return parts.sign_in(body.code)


def _show_system(parts: Parts, request: Request) -> dict[str, Any]:
    """The database and the pool of connections to it: sizes, rows, slow queries; at most half a minute old."""
    return parts.system()


def _show_backups(parts: Parts, request: Request) -> list[Backup]:
    """Every backup that was finished, newest last."""
    return parts.backups()


def _save_settings(parts: Parts, request: Request, body: wishes.Preferences) -> UserSettings:
    """What the tenant wishes from now on."""
    who: Principal = request.state.principal
    return wishes.save_settings(wishes.Asker(who, parts.store.of(who.user)), body)


def _change_wishes(parts: Parts, request: Request, body: wishes.Wished) -> UserSettings:
    """Another risk profile, other caps, whether anything new is begun: what is not named stays as it is."""
    who: Principal = request.state.principal
    return wishes.change_wishes(wishes.Asker(who, parts.store.of(who.user)), body)


_OTHERS: tuple[tuple[str, str, Callable[..., Any], Role | None], ...] = (
    ("GET", "/health", _show_health, None),
    ("GET", "/session", _show_session, "viewer"),
    ("PUT", "/session", _sign_in, None),
    ("GET", "/system", _show_system, "viewer"),
    ("GET", "/backups", _show_backups, "viewer"),
    ("PUT", "/settings", _save_settings, "operator"),
    ("PUT", "/settings/wishes", _change_wishes, "operator"),
)


def _listed(told: Any) -> Any:
    """A list of everything looks like a page of it without another one behind."""
    return Page[get_args(told)[0]] if get_origin(told) is list else told  # type: ignore[misc]


def _annotated(parameter: inspect.Parameter) -> Any:
    wish = _PARAMETERS.get(parameter.name)
    return Annotated[parameter.annotation, wish] if wish is not None else parameter.annotation


def _described(body: TypeAdapter[Any] | None) -> dict[str, Any] | None:
    if body is None:
        return None
    schema = body.json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


# --- a request -------------------------------------------------------------------------------------------------------


def _permitted(role: Role) -> Callable[[Request], Any]:
    async def permitted(request: Request) -> None:
        parts: Parts = request.app.state.parts
        try:
            principal = await _verified(parts, _token(request))
        except errors.NotSignedIn:
            parts.rates.take(_peer(request), time.monotonic())
            raise
        parts.rates.take(f"{principal.user}", time.monotonic())
        principal.require(role)
        request.state.principal = principal

    return permitted


async def _verified(parts: Parts, token: str) -> Principal:
    """Published keys may have to be fetched, which must not hold up everybody."""
    if parts.verifier.keys.algorithm == "HS256":
        return parts.verifier.verify(token)
    return await anyio.to_thread.run_sync(parts.verifier.verify, token)


def _token(request: Request) -> str:
    told = request.headers.getlist("authorization")
    kind, _, token = (told[0] if len(told) == 1 else "").partition(" ")
    if kind.lower() != "bearer":
        raise errors.NotSignedIn(detail="there is no bearer token")
    return token.strip()


async def _read_body(request: Request) -> None:
    request.state.body = await request.body()


def _parse(adapter: TypeAdapter[Any], body: bytes) -> Any:
    try:
        told = adapter.validate_json(body)
    except ValidationError as fault:
        raise errors.InvalidRequest(detail=problems.sentence(fault.errors(include_input=False))) from None
    problems.require_plain(told)
    return told


def _opened(store: Store, principal: Principal, reads: Reads) -> AbstractContextManager[Tx]:
    if principal.role == "admin" and reads is not Reads.OWN:
        return store.oversight("read for an admin")
    own = store.of(principal.user)
    return own.snapshot("read") if reads is Reads.MANY else own.single("read")


def _answer(told: object, status: int = 200) -> Response:
    if isinstance(told, list):
        told = {"items": told, "next": None}
    return Response(to_json(told), status, media_type="application/json")


def _peer(request: Request) -> str:
    return f"at {request.client.host}" if request.client else "somewhere"


def _handlers() -> dict[Any, Any]:
    async def ours(request: Request, fault: Exception) -> Response:
        assert isinstance(fault, errors.BotError)
        status = problems.status_of(fault)
        if status >= 500:
            logs.error(
                "a request failed", error=type(fault).__name__, detail=str(fault), path=request.url.path
            )
        return _problem(request, status, problems.told_of(fault))

    async def invalid(request: Request, fault: Exception) -> Response:
        assert isinstance(fault, RequestValidationError)
        refusal = errors.InvalidRequest(detail=problems.sentence(fault.errors()))
        return _problem(request, 422, problems.told_of(refusal))

    async def plain(request: Request, fault: Exception) -> Response:
        assert isinstance(fault, HTTPException)
        missing = errors.NotFound(noun="page", key=request.url.path[:100])
        refusal = missing if fault.status_code == 404 else errors.InvalidRequest(detail=str(fault.detail))
        return _problem(request, fault.status_code, problems.told_of(refusal))

    async def defect(request: Request, fault: Exception) -> Response:
        logs.error("a request met a defect", error=type(fault).__name__, path=request.url.path)
        broken = errors.BrokenInvariant(detail="this request met a defect of the program; its log says which")
        return _problem(request, 500, problems.told_of(broken))

    return {
        errors.BotError: ours,
        RequestValidationError: invalid,
        HTTPException: plain,
        Exception: defect,
    }


def _problem(request: Request, status: int, told: Mapping[str, Any]) -> Response:
    problem = {"error": {**told, "request_id": request.state.request_id}}
    answer = _answer(problem, status)
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if status == 429:
        answer.headers["Retry-After"] = "1"
    return answer


# --- the stream ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of a client."""

    token: str
    resume: Resume | None = None


_HELLO: TypeAdapter[Hello] = TypeAdapter(Hello)
_GONE = (WebSocketDisconnect, RuntimeError, KeyError)


async def _stream(socket: WebSocket) -> None:
    parts: Parts = socket.app.state.parts
    await socket.accept()
    try:
        async with asyncio.timeout(streaming.HELLO_SECONDS):
            told = _parse(_HELLO, (await socket.receive_text()).encode())
        principal = await _verified(parts, told.token)
        parts.rates.take(f"{principal.user}", time.monotonic())
    except (errors.Refused, TimeoutError) as refusal:
        await socket.close(*streaming.farewell(refusal))
    except _GONE:
        return
    else:
        await streaming.follow(socket, parts.hub, principal, told.resume, parts.meters, gone=_GONE)
