"""Every route, taken from the table: it answers, a stranger sees nothing of it, an admin sees all."""

import re
from typing import Any

import pytest

from runtime.api import routes
from tests.api.conftest import ANNA, Named
from tests.api.serving import Api

PATHS = [each.path for each in routes.READS]


def filled(path: str, tenant: Named) -> str:
    """With the ids of a tenant's first rows."""
    return re.sub(r"\{(\w+)_id\}", lambda found: str(tenant.id(found[1])), path)


def wanted(path: str, tenant: Named) -> dict[str, Any]:
    """What a route asks for that it cannot do without."""
    account, bot = str(tenant.id("account")), str(tenant.id("bot"))
    return {
        "/candles": {"account": account, "symbol": "BTC/USDT", "timeframe": "3m"},
        "/candles/series": {"account": account, "symbol": "BTC/USDT"},
        "/equity": {"bot": bot},
        "/internal/ranked-traders": {"scorer": "sample"},
        "/jobs": {"since": "2026-01-01T00:00:00Z"},
    }.get(path, {})


@pytest.mark.parametrize("path", PATHS)
def test_route__answers_its_tenant(api: Api, path: str) -> None:
    api.get(filled(path, ANNA), **wanted(path, ANNA))
