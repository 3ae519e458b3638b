"""The HTTP server: the only module that knows the framework. It turns the table of routes into addresses, requests into
calls and errors into answers, and hands the stream to its clients.

Handlers run in a few threads, one transaction each. It promises that nothing is answered without a token but whether
the process lives, that an error is one shape, and that a client which does not keep up is dropped, never waited for.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, cast, get_args, get_origin

import anyio.to_thread
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
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route

from runtime import errors, logs
from runtime.api import problems, routes, streaming, wishes
from runtime.api.hub import Resume
from runtime.api.page import Pages
from runtime.api.parts import OTHERS, Parts, principal_of
from runtime.api.problems import Problem
from runtime.api.reading import Parse, Question, Reader, rendered
from runtime.api.routes import ROOT, Read, Wish
from runtime.api.tokens import Role
from runtime.store.paging import Page
from runtime.telemetry import prometheus, table

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


# --- building --------------------------------------------------------------------------------------------------------


def build(parts: Parts) -> FastAPI:
    reader = reader_of(parts)
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
    app.router.routes.append(_Reads(reader))
    for route in routes.READS:
        _add_read(app, route, reader)
    for wish in routes.WISHES:
        _add_wish(app, wish)
    _add_others(app)
    app.add_api_websocket_route(f"{ROOT}/stream", _stream)
    app.router.routes.append(Route("/{path:path}", Pages(), methods=["GET"]))
    return app


def reader_of(parts: Parts) -> Reader:
    return Reader(parts, [(each, _parser(each.act)) for each in routes.READS])


def describe() -> dict[str, Any]:
    """The OpenAPI document of all this, without a server."""
    return build(cast(Parts, None)).openapi()


def _lifespan(parts: Parts) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = parts.threads.count
        parts.threads.start()
        parts.hub.start()
        try:
            yield
        finally:
            parts.hub.stop()
            parts.threads.stop()

    return running


class _Reads(BaseRoute):
    """All that the reader can answer. It stands before the same routes as the framework knows them, which describe
    them, and refuse what does not fit."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def matches(self, scope: Any) -> tuple[Match, Any]:
        question = self._reader.find(scope)
        return (Match.NONE, {}) if question is None else (Match.FULL, {"question": question})

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await self._reader.answer(scope["question"], scope, send)


def _add_read(app: FastAPI, route: Read, reader: Reader) -> None:
    def endpoint(request: Request, **given: Any) -> Response:
        return _rendered(reader.ask(Question(route, given), principal_of(request.scope)))

    _add(app, "GET", route.path, endpoint, route.act, {}, role=route.role)


def _parser(act: Callable[..., Any]) -> Parse:
    """What the framework would read out of the texts of a request, for whoever asks without it."""
    asked = _asked(act)
    adapters = {each.name: TypeAdapter[Any](each.annotation) for each in asked}
    wanted = {each.name for each in asked if each.default is inspect.Parameter.empty}

    def parse(told: Mapping[str, str]) -> dict[str, Any]:
        if not wanted <= told.keys():
            raise ValueError
        return {name: adapters[name].validate_python(text) for name, text in told.items() if name in adapters}

    return parse


def _add_wish(app: FastAPI, wish: Wish) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(wish.body)

    def endpoint(request: Request, key: str, **given: Any) -> Response:
        principal = principal_of(request.scope)
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
    given = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
        for name, annotation in {"request": Request, **more}.items()
    ]
    endpoint.__signature__ = inspect.Signature([*given, *_asked(act)])  # type: ignore[attr-defined]
    endpoint.__name__ = act.__name__.strip("_")
    dependencies = [Depends(_read_body)] if body is not None else []
    signed_in = [Depends(_permitted(role)), Security(_BEARER)] if role is not None else []
    app.add_api_route(
        ROOT + path,
        endpoint,
        methods=[method],
        response_model=_listed(inspect.signature(act, eval_str=True).return_annotation),
        status_code=202 if method == "POST" else 200,
        summary=(act.__doc__ or "").strip().partition("\n")[0],
        description=" ".join((act.__doc__ or "").split()) + (f" For {role}s and above." if role else ""),
        responses=_PROBLEMS,
        dependencies=[*signed_in, *dependencies],
        openapi_extra=_described(body),
        tags=[path.split("/")[1]],
    )


def _asked(act: Callable[..., Any]) -> list[inspect.Parameter]:
    """What whoever asks has to say: not what we give it ourselves."""
    return [
        each.replace(annotation=_annotated(each), kind=inspect.Parameter.KEYWORD_ONLY)
        for each in inspect.signature(act, eval_str=True).parameters.values()
        if each.name not in ("tx", "asker", "parts", "scope", "body", "key")
    ]


def _add_others(app: FastAPI) -> None:
    """What asks no ledger, or writes none of its tables for desks."""
    parts: Parts = app.state.parts
    for method, path, act, role in OTHERS:
        _add_other(app, method, path, act, role)
    permitted = [Depends(_permitted("viewer")), Security(_BEARER)]

    def metrics() -> Response:
        parts.meters.set(table.STREAM_CLIENTS, parts.hub.count())
        text, kind = prometheus.render(parts.meters)
        return Response(text, headers={"Content-Type": kind})

    def describe() -> Response:
        return _answer(app.openapi())

    app.add_api_route("/metrics", metrics, include_in_schema=False, dependencies=permitted)
    app.add_api_route(f"{ROOT}/openapi.json", describe, include_in_schema=False, dependencies=permitted)


def _add_other(app: FastAPI, method: str, path: str, act: Callable[..., Any], role: Role | None) -> None:
    wanted = inspect.signature(act, eval_str=True).parameters.get("body")
    adapter: TypeAdapter[Any] | None = None if wanted is None else TypeAdapter(wanted.annotation)

    def endpoint(request: Request) -> Response:
        given = {} if adapter is None else {"body": _parse(adapter, request.state.body)}
        return _answer(act(app.state.parts, request.scope, **given))

    _add(app, method, path, endpoint, act, {}, role=role, body=adapter)


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
        request.state.principal = await parts.door.admit(request.scope, role)

    return permitted


async def _read_body(request: Request) -> None:
    request.state.body = await request.body()


def _parse(adapter: TypeAdapter[Any], body: bytes) -> Any:
    try:
        told = adapter.validate_json(body)
    except ValidationError as fault:
        raise errors.InvalidRequest(detail=problems.sentence(fault.errors(include_input=False))) from None
    problems.require_plain(told)
    return told


def _answer(told: object, status: int = 200) -> Response:
    return _rendered(rendered(told), status)


def _rendered(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")


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
        principal = await parts.door.believe(told.token)
    except (errors.Refused, TimeoutError) as refusal:
        await socket.close(*streaming.farewell(refusal))
    except _GONE:
        return
    else:
        await streaming.follow(socket, parts.hub, principal, told.resume, parts.meters, gone=_GONE)
