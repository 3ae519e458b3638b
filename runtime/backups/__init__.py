"""Dumps of the whole ledger: taken, listed, checked, restored, and proved by restoring them."""
