"""What `make run` starts: the simulated venue with a paper account for each desk, and a process for each desk."""

import errno
import json
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from runtime import errors
from runtime.local.supervisor import Child, kept_port

DESKS = Path(__file__).parent / "sample_desks.toml"
_HOST = "127.0.0.1"
_PAPER_SECRET = "paper-secret"
_PAPER_PASSPHRASE = "paper-passphrase"
_PAPER_MONEY = {"USDT": "100000"}


def children(data_dir: Path, user: str, accounts: Sequence[str], *, seed: int, speed: str) -> list[Child]:
    """The simulator first; the desks start once it listens, and stop before it."""
    folder = data_dir / "simulator"
    folder.mkdir(parents=True, exist_ok=True)
    port = kept_port(_port_file(data_dir))
    accounts_file = folder / "accounts.json"
    accounts_file.write_text(json.dumps([_paper_account(name) for name in accounts]), encoding="utf-8")
    runtime = (sys.executable, "-m", "runtime")
    simulator = (
        *runtime,
        "simulator",
        "--port",
        str(port),
        "--books",
        str(folder / "books"),
        "--seed",
        str(seed),
    )
    venue = Child(
        "simulator",
        (*simulator, "--speed", speed, "--accounts", str(accounts_file)),
        ready_line="listening on",
    )
    return [venue, *(_desk(runtime, data_dir, user, name, port) for name in accounts)]


def api(data_dir: Path, user: str, port: int) -> Child:
    environment = {"HOLDFAST_DATA_DIR": str(data_dir), "HOLDFAST_USER": user, "HOLDFAST_API_PORT": str(port)}
    return Child("api", (sys.executable, "-m", "runtime.serving"), env_overrides=environment)


def require_free_ports(data_dir: Path, api_port: int) -> None:
    """The simulator has its port for good, since desks and their books know it by that, and browsers know the API's."""
    file = _port_file(data_dir)
    _require_free(kept_port(file), f"a number in {file}")
    if api_port:
        _require_free(api_port, "HOLDFAST_API_PORT")


def _require_free(port: int, setting: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE:
                raise
            raise errors.PortBusy(port=port, host=_HOST, setting=setting) from exc


def _port_file(data_dir: Path) -> Path:
    return data_dir / "simulator" / "port"


def _desk(runtime: tuple[str, ...], data_dir: Path, user: str, account: str, port: int) -> Child:
    environment = {
        "HOLDFAST_DATA_DIR": str(data_dir),
        "HOLDFAST_USER": user,
        "HOLDFAST_ACCOUNT": account,
        "HOLDFAST_VENUE_URL": f"http://{_HOST}:{port}",
        "HOLDFAST_VENUE_KEY": f"{account}-key",
        "HOLDFAST_VENUE_SECRET": _PAPER_SECRET,
        "HOLDFAST_VENUE_PASSPHRASE": _PAPER_PASSPHRASE,
    }
    return Child(account, (*runtime, "desk"), env_overrides=environment)


def _paper_account(name: str) -> Mapping[str, object]:
    return {
        "name": name,
        "key": f"{name}-key",
        "secret": _PAPER_SECRET,
        "passphrase": _PAPER_PASSPHRASE,
        "spot": _PAPER_MONEY,
        "mix": _PAPER_MONEY,
    }
