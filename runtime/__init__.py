"""The bot: everything that trades, remembers and recovers. Start it with `python -m runtime --help`."""
