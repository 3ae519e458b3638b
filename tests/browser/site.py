"""What a browser looks at: an installation as `make run` starts it, which compares its accounts often."""

import json
import signal
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runtime.local import processes
from runtime.local.postgres import server_state
from tests.end_to_end.installation import SECONDS_MAX, Installation

RECONCILE_SECONDS = "3"


class Site(Installation):
    @property
    def settings(self) -> Mapping[str, str]:
        return {
            **super().settings,
            "HOLDFAST_TICK_SECONDS": "0.5",
            "HOLDFAST_RECONCILE_SECONDS": RECONCILE_SECONDS,
        }

    def address(self) -> str:
        """With a sign-in that works once."""
        code, said = self.ask("sign-in")
        assert code == 0, said
        return said.strip()

    def token(self, role: str) -> str:
        code, said = self.ask("token", "--role", role)
        assert code == 0, said
        return said.strip()

    def await_api(self) -> None:
        there = processes.wait_until(self._answers, seconds_max=SECONDS_MAX, poll_seconds=0.1)
        assert there, self.story()

    def _answers(self) -> bool:
        health = self.address().partition("#")[0] + "api/v1/health"
        try:
            with urllib.request.urlopen(health, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    @contextmanager
    def without_database(self) -> Iterator[None]:
        """Its keeper is frozen, so that it cannot start it again."""
        state = server_state(self.data_dir / "postgres")
        assert state.keeper_pid
        assert state.server_pid
        processes.send_signal(state.keeper_pid, signal.SIGSTOP)
        try:
            processes.send_signal(state.server_pid, signal.SIGQUIT)
            yield
        finally:
            processes.send_signal(state.keeper_pid, signal.SIGCONT)

    def order_at_the_venue(self, **wanted: str) -> str:
        """As if somebody had placed it by hand on the venue's own page; its id there."""
        port = (self.data_dir / "simulator" / "port").read_text(encoding="ascii")
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/control/foreign-order", data=json.dumps(wanted).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            placed: dict[str, Any] = json.load(answer)
        return str(placed["orderId"])


@contextmanager
def opened_site(folder: Path) -> Iterator[Site]:
    site = Site(folder)
    try:
        site.ensure_ticking()
        site.await_api()
        yield site
    finally:
        site.end()
