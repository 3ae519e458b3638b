"""A desk that trains once and kills itself at a line on its way: of the training, of its store, or of the artefacts."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import runtime
from runtime.artefacts.places import Folder
from runtime.domain.decision import Needs
from runtime.domain.identity import user_id
from runtime.engine import lease, recovery, training
from runtime.engine.desk import Desk
from runtime.engine.ledger import Ledger
from runtime.exchanges import registry
from runtime.exchanges.ccxt_adapter import Credentials
from runtime.settings import Secret
from runtime.store import bots
from runtime.store.pool import Store
from tests.engine.rig import ACCOUNT, EXCHANGE_KEYS, PACE, USER, Scripted

ROOT = Path(runtime.__file__).parent
STRUCK = tuple(
    str(ROOT / each)
    for each in ("engine/training.py", "store/models.py", "store/roundtrip.py", "artefacts/places.py")
)


class _Killer:
    def __init__(self, place: int) -> None:
        self._left = place

    def enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        return self.line if frame.f_code.co_filename in STRUCK else None

    def line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.line


def main(arguments: list[str]) -> None:
    url, venue, folder, place = arguments
    with Store(Secret(url), user_id(USER), pool_max=2) as store:
        desk = _build(store, venue, Path(folder))
        recovery.recover(desk)
        sys.settrace(_Killer(int(place)).enter)
        training.learn(desk)
        sys.settrace(None)
        desk.exchange.close()
        desk.lease.release()


def _build(store: Store, venue: str, folder: Path) -> Desk:
    with store.transaction("look for the account") as tx:
        account = bots.load_account(tx, ACCOUNT)
    assert account is not None
    held = lease.acquire(store, account.account_id, account.name, PACE.lease_seconds)
    credentials = Credentials(*(Secret(each) for each in EXCHANGE_KEYS))
    return Desk(
        account=account,
        lease=held,
        store=store,
        exchange=registry.open_exchange(
            account.venue, account.kind, credentials, base_url=venue, request_timeout_seconds=5
        ),
        ledger=Ledger(store, held.fence),
        pace=replace(PACE, artefact_inline_bytes_max=0),
        build_strategy=lambda name, _, symbols: Scripted(name, Needs(symbols, "1m", 1), {}),
        stopping=lambda: False,
        artefacts=Folder(folder / "artefacts", str(store.tenant)),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
