"""Stands in for AWS's session-manager-plugin, started as that is: carries a port of this machine to a task's port.

It shows that the deployer finds the task and hands over what the plugin wants. AWS's own speaks to AWS's agent in the
task over a channel of theirs, of which nothing is here: a task's network is this machine's, so it simply connects.
"""

import asyncio
import json
import os
import shlex
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

NAME = "session-manager-plugin"
CHUNK_BYTES = 65536


def install(folder: Path) -> Path:
    """The folder that a PATH must name for it to be found; it runs in the environment of whoever installs it."""
    folder.mkdir(exist_ok=True)
    script = folder / NAME
    words = shlex.join([sys.executable, "-I", "-S", str(Path(__file__))])
    script.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return folder


def main(words: list[str], environ: Mapping[str, str]) -> int:
    """Where the answer of StartSession is, region, operation, profile, request, endpoint: as AWS's is given them."""
    response, _, operation, _, request, _ = words
    session, asked = json.loads(environ[response]), json.loads(request)
    if operation != "StartSession" or not all(
        session[each] for each in ("SessionId", "TokenValue", "StreamUrl")
    ):
        print("there is no session to carry", file=sys.stderr)
        return 1
    ports = {name: int(values[0]) for name, values in asked["Parameters"].items()}
    asyncio.run(_carry(ports["localPortNumber"], ports["portNumber"], session["SessionId"]))
    return 0


async def _carry(local: int, remote: int, session: str) -> None:
    """Until Ctrl-C."""
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", remote)
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        writer.close()

    server = await asyncio.start_server(join, "127.0.0.1", local)
    print(f"Port {local} opened for sessionId {session}.", flush=True)
    await over.wait()
    server.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
