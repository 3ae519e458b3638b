"""A request ends when its time is over, and an order that is late does not leave, whatever is in its way."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from runtime import errors
from runtime.domain.market import Accepted, Unproved
from runtime.exchanges.ccxt_adapter import CcxtExchange, Credentials
from runtime.exchanges.clock import ROUND_TRIP_MAX_NS
from runtime.exchanges.profiles import Profile
from runtime.local import processes
from tests.conformance.conftest import CANARIES, PROVED, SYMBOLS, TIMEOUT_SECONDS
from tests.conformance.rig import Rig
from tests.proxy import Proxy
from tests.venue import ROOT, RunningSimulator

# An answer has some hundred bytes: dripped like this each of its reads is quick, and the whole takes half a minute.
DRIP_SECONDS = 0.1
SECONDS_MAX = 30
CLOCK_ERROR_MAX = timedelta(microseconds=ROUND_TRIP_MAX_NS / 2000)
# Where the sender is frozen: behind everything that the client itself does before its bytes leave.
FROZEN_AT = ("http/client.py:_send_output", "urllib3/connection.py:_new_conn")


@pytest.mark.parametrize("profile", PROVED, ids=lambda each: f"{each.venue}-{each.kind}")
def test_dripping_venue__leaves_an_order_unproved_and_a_read_undone(
    venue: RunningSimulator, credentials: Credentials, profile: Profile
) -> None:
    symbol = SYMBOLS[profile.kind]
    with Proxy(("127.0.0.1", venue.port)) as proxy:
        exchange = CcxtExchange(
            profile,
            credentials,
            base_url=f"http://127.0.0.1:{proxy.port}",
            request_timeout_seconds=TIMEOUT_SECONDS,
        )
        exchange.connect((symbol,))
        rig = Rig(profile, exchange, venue, symbol)
        intent = rig.intent()
        proxy.drip_seconds = DRIP_SECONDS
        assert exchange.submit(intent) == Unproved("no reply came in time")
        assert proxy.dripped > 1
        with pytest.raises(errors.VenueUnavailable, match="no reply came in time"):
            exchange.fetch_balances()
        proxy.drip_seconds = 0
        assert isinstance(exchange.submit(rig.intent()), Accepted)
        exchange.close()
    assert len(rig.at_venue(intent)) == 1


@pytest.mark.parametrize("place", FROZEN_AT)
def test_sender_that_is_frozen_at_the_socket__sends_nothing_once_it_is_late(
    venue: RunningSimulator, place: str
) -> None:
    command = [sys.executable, "-m", "tests.conformance.frozen_sender", venue.url, place, *CANARIES]
    sender = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        _, status = os.waitpid(sender.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), "it came to its end without having been frozen"
        assert sender.stdout is not None
        send_before = datetime.fromisoformat(sender.stdout.readline().strip())
        # It goes by its picture of the venue's clock, which may be behind this one by what a measurement is wrong.
        late = processes.wait_until(
            lambda: datetime.now(UTC) > send_before + CLOCK_ERROR_MAX, seconds_max=SECONDS_MAX
        )
        assert late
        sender.send_signal(signal.SIGCONT)
        said, _ = sender.communicate(timeout=SECONDS_MAX)
    finally:
        sender.kill()
        sender.wait()
    assert json.loads(said) == ["NotSent", "its deadline passed before it could leave"]
    counts = venue.control("requests")["counts"]
    assert [path for path in counts if path.endswith("place-order")] == []
