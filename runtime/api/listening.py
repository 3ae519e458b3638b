"""The socket: uvicorn with what our requests may be. The only module that knows it.

It promises to say where it listens once it does, and that no request has a head without an end.
"""

import signal
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from runtime import errors
from runtime.api import streaming
from runtime.api.guard import App
from runtime.api.tokens import TOKEN_BYTES_MAX

HEAD_BYTES_MAX = TOKEN_BYTES_MAX * 2
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def serve(app: App, *, host: str, port: int, on_listening: Callable[[int], None]) -> None:
    """Until told to stop by a signal."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=_Headed,
        ws="websockets-sansio",
        ws_max_size=TOKEN_BYTES_MAX * 2,
        ws_max_queue=4,
        # Every message would be compressed for each client anew.
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        limit_concurrency=streaming.CLIENTS_MAX + 200,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
        proxy_headers=False,
    )
    server = _Announced(config, on_listening)
    # uvicorn ends in order and then raises the signal once more, for whoever listened before it: that would end us
    # before our own things are closed, with a code that ECS takes for a failure.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, server.handle_exit)
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


class _Headed(HttpToolsProtocol):
    """Its parser, written in C, is a third of the time of the one in Python; but that one bounds the head of a request,
    and this one would keep whatever comes."""

    _head_bytes = 0
    _is_in_head = True

    def data_received(self, data: bytes) -> None:
        if self._is_in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > HEAD_BYTES_MAX:
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_in_head, self._head_bytes = True, 0
