"""Venues. The only room that knows ccxt, a venue's dialect or its network; it knows no database and no strategy."""
