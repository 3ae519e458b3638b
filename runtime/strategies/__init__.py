"""What to trade: one pure file for each strategy, and the catalogue that names them all. No clock, no I/O."""
