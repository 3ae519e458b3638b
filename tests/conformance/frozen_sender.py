"""Sends one order and freezes on the way to the socket: `frozen_sender.py URL FILE:FUNCTION KEY SECRET PASSPHRASE`.

Says until when the order may leave, stops itself where it is told, and says what became of it when it is awake again.
"""

import json
import os
import signal
import sys
from datetime import timedelta
from types import FrameType
from typing import Any

from runtime.domain.market import MarketKind
from runtime.exchanges import registry
from runtime.exchanges.ccxt_adapter import CcxtExchange, Credentials
from runtime.settings import Secret
from tests.conformance.rig import Rig
from tests.venue import RunningSimulator

SYMBOL = "BTC/USDT"
WITHIN = timedelta(seconds=1)


def main(url: str, place: str, *keys: str) -> None:
    profile = registry.PROFILES["bitget", MarketKind.SPOT]
    exchange = CcxtExchange(profile, Credentials(*map(Secret, keys)), base_url=url, request_timeout_seconds=5)
    exchange.connect((SYMBOL,))
    exchange.close()  # its connections only: the order needs a new one
    intent = Rig(profile, exchange, RunningSimulator(None, ()), SYMBOL).intent(within=WITHIN)  # type: ignore[arg-type]
    print(intent.send_before.isoformat(), flush=True)
    sys.settrace(freezing_at(*place.split(":")))
    answer: Any = exchange.submit(intent)
    sys.settrace(None)
    print(json.dumps([type(answer).__name__, getattr(answer, "detail", "")]))


def freezing_at(file: str, function: str) -> Any:
    def enter(frame: FrameType, event: str, arg: object) -> None:
        code = frame.f_code
        if code.co_name == function and code.co_filename.endswith(file):
            sys.settrace(None)
            os.kill(os.getpid(), signal.SIGSTOP)

    return enter


if __name__ == "__main__":
    main(*sys.argv[1:])
