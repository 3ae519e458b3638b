"""`python -m runtime.serving`: the API, with everything that it is made of.

An entry of its own beside the switchboard, as `health` is: its framework takes a second to load, which no desk should
wait for. `python -m runtime api` becomes it.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar, cast

from runtime import building, errors, logs, signing
from runtime.api import encoding, listening, server, signin, telling, tokens
from runtime.api.door import Door
from runtime.api.guard import App, Guard
from runtime.api.hub import Hub
from runtime.api.parts import Parts
from runtime.api.rates import Rates
from runtime.api.shapes import Backup
from runtime.api.threads import Threads
from runtime.api.tokens import Keys, PublishedKeys, Session, SharedSecret, Verifier
from runtime.backups import checking
from runtime.backups.s3 import Bucket
from runtime.backups.shelf import Folder, Shelf
from runtime.domain.identity import user_id
from runtime.settings import Secret, Settings
from runtime.store import schema, upkeep
from runtime.store.pool import Store
from runtime.store.timing import Timing
from runtime.telemetry import emf
from runtime.telemetry.meters import Meters

T = TypeVar("T")
# Looking at the whole database, or at a bucket, is too much for every question.
_KEPT_SECONDS = 30.0


def main(environ: Mapping[str, str]) -> int:
    try:
        settings = Settings.from_env(environ)
        logs.keep_out(*settings.secret_texts())
        serve(settings)
    except errors.BotError as fault:
        print(logs.redact(f"{type(fault).__name__}: {fault}"), file=sys.stderr)
        return fault.exit_code
    return 0


def serve(settings: Settings) -> None:
    logs.start(settings.log_level)
    threading.excepthook = building.end_with_a_thread
    with parted(settings) as parts:
        listen(settings, Guard(server.build(parts), parts.meters))
    logs.info("stopped", role="api")


@contextmanager
def parted(settings: Settings) -> Iterator[Parts]:
    """What the API is made of, while it serves."""
    meters = Meters()
    with building.databases(settings) as database:
        address = database("api")
        schema.require_current(address)
        with (
            Store(
                address,
                user_id(settings.user),
                pool_max=settings.api_threads,
                statement_seconds=settings.statement_seconds,
                timing=Timing(meters, settings.slow_query_seconds),
            ) as store,
            telling.told(store, meters, _writer(settings, meters), settings.metrics_seconds),
        ):
            yield Parts(
                store=store,
                door=_door(settings),
                hub=Hub(store, address, encoding.text),
                meters=meters,
                threads=Threads(settings.api_threads),
                sign_in=partial(_sign_in, settings),
                backups=_kept(partial(_list_backups, settings)),
                system=_kept(partial(_look, settings, address, store)),
            )


def listen(settings: Settings, app: App) -> None:
    listening.serve(
        app,
        host=settings.api_host,
        port=signing.port_of(settings),
        on_listening=partial(_tell, settings.api_host),
    )


def _door(settings: Settings) -> Door:
    verifier = Verifier(_keys(settings), settings.api_issuer, settings.api_audience)
    return Door(verifier, Rates(settings.api_requests_per_second))


def _writer(settings: Settings, meters: Meters) -> emf.Writer:
    return emf.Writer(
        meters,
        stage=settings.stage,
        desk="api",
        every_seconds=settings.metrics_seconds,
        sends=telling.SENT,
    )


def _tell(host: str, port: int) -> None:
    logs.info("listening on", address=f"http://{host}:{port}")


def _keys(settings: Settings) -> Keys:
    if settings.api_jwks_url is not None:
        return PublishedKeys(settings.api_jwks_url)
    return SharedSecret(signing.secret(settings))


def _sign_in(settings: Settings, code: str) -> Session:
    user, role = signin.redeem(settings.api_dir, code, datetime.now(UTC))
    return signing.session(settings, user, cast(tokens.Role, role), tokens.HOURS)


def _list_backups(settings: Settings) -> list[Backup]:
    listed = (each.made for each in checking.load_all(_shelf(settings)))
    return [
        Backup(each.name, each.taken_at, each.size, each.orders, each.revision) for each in listed if each
    ]


def _shelf(settings: Settings) -> Shelf:
    if settings.backup_bucket is not None:
        return Bucket(settings.backup_bucket, region=None)
    return Folder(settings.data_dir / "backups")


def _look(settings: Settings, address: Secret, store: Store) -> dict[str, Any]:
    told = upkeep.look(address, settings.slow_query_seconds).told()
    return {**told, "pool": dict(store.pool_use())}


def _kept(look: Callable[[], T]) -> Callable[[], T]:
    """What it said a short while ago is said again; of those who ask at once, one looks and the others wait for it."""
    kept: list[tuple[float, T]] = []
    looking = threading.Lock()

    def recall() -> T:
        with looking:
            if not kept or time.monotonic() - kept[-1][0] > _KEPT_SECONDS:
                kept[:] = [(time.monotonic(), look())]
            return kept[-1][1]

    return recall


if __name__ == "__main__":
    sys.excepthook = logs.tell_crash
    sys.exit(main(os.environ))
