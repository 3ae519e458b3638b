"""Runs the bots of one desk: recovers, ticks, reconciles, obeys commands, and stops. Knows no SQL and no HTTP."""
