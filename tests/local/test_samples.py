"""What `make run` starts, and what it does not start."""

import socket
from pathlib import Path

import pytest

from runtime import errors
from runtime.__main__ import main
from tests.database import Database


def test_run__whose_venue_finds_its_port_taken_says_so_and_starts_nothing(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It used to start the desks, and the simulator again and again."""
    port_file = tmp_path / "simulator" / "port"
    port_file.parent.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        port_file.write_text(str(port), encoding="ascii")
        code = main(["run"], {"HOLDFAST_DATA_DIR": str(tmp_path), "DATABASE_URL": database.url()})
    assert code == errors.PortBusy.exit_code
    said = capsys.readouterr().err
    assert said == (
        f"PortBusy: Port {port} on 127.0.0.1 is taken by another program: stop it, or choose another with a "
        f"number in {port_file}.\n"
    )
    assert not (tmp_path / "logs").exists()
