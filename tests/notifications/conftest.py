"""People who are told, on a port of their own, and the desk of the engine's tests that tells them."""

from collections.abc import Iterator

import pytest

from tests.engine.conftest import bare, rig, simulator, store, venue
from tests.notifications.people import People, people_listening

__all__ = ["bare", "people", "rig", "simulator", "store", "venue"]


@pytest.fixture
def people() -> Iterator[People]:
    with people_listening() as people:
        yield people
