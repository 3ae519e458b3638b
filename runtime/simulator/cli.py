"""The simulator's command line: arguments in, a configuration out, then serve.

Reads the named files only. `add_arguments` and `run` are what the switchboard calls.
"""

import argparse
from decimal import Decimal, InvalidOperation
from pathlib import Path

from runtime.simulator import server
from runtime.simulator.config import PAPER, SimulatorConfig, load_accounts

REPLAYED_SYMBOL = "BTCUSDT"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--books", type=Path, required=True, help="folder of the venue's durable books")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument(
        "--port", type=int, default=0, help="port to listen on; 0 takes a free one (default: 0)"
    )
    parser.add_argument("--port-file", type=Path, help="file that the port is written to when it listens")
    parser.add_argument("--seed", type=int, default=1, help="seed of the synthetic prices (default: 1)")
    parser.add_argument(
        "--books-sync", choices=("full", "off"), default="full", help="fsync a change (default: full)"
    )
    parser.add_argument(
        "--clock", choices=("wall", "manual"), default="wall", help="what moves prices (default: wall)"
    )
    parser.add_argument(
        "--speed", type=_decimal, default=Decimal(1), help="market seconds a second (default: 1)"
    )
    parser.add_argument(
        "--replay",
        action="append",
        default=[],
        metavar="[SYMBOL=]FILE",
        help=f"candle CSV that a symbol follows (default: {REPLAYED_SYMBOL}), from its start when the books are new",
    )
    parser.add_argument(
        "--accounts", type=Path, help="JSON file of accounts (default: one account named paper)"
    )
    parser.add_argument("--control-token", default="", help="what X-Control-Token must bear under /control")
    parser.add_argument(
        "--tick-interval-ms", type=int, default=200, help="how often resting orders are matched"
    )


def run(args: argparse.Namespace) -> int:
    server.serve(parse_config(args))
    return 0


def parse_config(args: argparse.Namespace) -> SimulatorConfig:
    return SimulatorConfig(
        books=args.books,
        host=args.host,
        port=args.port,
        port_file=args.port_file,
        seed=args.seed,
        books_sync=args.books_sync,
        clock=args.clock,
        speed=args.speed,
        replays=tuple(_replay(written) for written in args.replay),
        accounts=(PAPER,) if args.accounts is None else load_accounts(args.accounts),
        control_token=args.control_token,
        tick_interval_ms=args.tick_interval_ms,
    )


def _replay(written: str) -> tuple[str, Path]:
    symbol, equals, path = written.rpartition("=")
    return (symbol if equals else REPLAYED_SYMBOL), Path(path)


def _decimal(written: str) -> Decimal:
    try:
        return Decimal(written)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{written!r} is not a number") from None
