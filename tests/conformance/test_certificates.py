"""A venue whose certificate expires or is exchanged while a desk lives: said as what it is, and tried again."""

import json
import ssl
import time
from pathlib import Path

import pytest

from runtime import errors
from runtime.exchanges import bitget
from runtime.exchanges.ccxt_adapter import CcxtExchange, Credentials
from tests.access.authorities import Authority, ServerFiles
from tests.exchanges.answering import answering


def show(context: ssl.SSLContext, files: ServerFiles) -> None:
    context.load_cert_chain(files.certificate, files.key)


def test_certificate__that_is_no_good_any_more_has_its_own_sentence_until_it_is_renewed(
    tmp_path: Path, credentials: Credentials
) -> None:
    ours, stranger = Authority(tmp_path, "ours"), Authority(tmp_path, "stranger")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    show(context, ours.sign("localhost"))
    now = {"code": "00000", "data": {"serverTime": str(int(time.time() * 1000))}}
    with answering(200, json.dumps(now), context=context) as venue:
        exchange = CcxtExchange(
            bitget.SPOT, credentials, base_url=venue.url, request_timeout_seconds=5, live=False
        )
        exchange.connection.client.validateServerSsl = str(ours.bundle)
        exchange.measure_clock()
        for files, sentence in {
            ours.sign("localhost", expired=True): "its certificate has expired",
            stranger.sign("localhost"): "its certificate is signed by nobody whom this machine trusts",
            ours.sign("venue.example"): "its certificate is another host's",
        }.items():
            show(context, files)
            with pytest.raises(errors.VenueUntrusted, match=sentence) as refused:
                exchange.measure_clock()
            assert isinstance(refused.value, errors.Retry)
            assert "localhost" not in str(refused.value)
        show(context, ours.sign("localhost"))
        exchange.measure_clock()
        exchange.close()
