"""The engine's own ground: a simulator, a ledger, a desk that trades on them."""

from tests.engine.conftest import bare, rig, simulator, store, venue

__all__ = ["bare", "rig", "simulator", "store", "venue"]
