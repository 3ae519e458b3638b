"""A tenant with a past for whoever looks: what `sample-data` makes, and beside it a year of closed trades and equity.
SQL writes these, many rows at once and past the triggers; what those would have counted is counted after.
"""

from dataclasses import dataclass

from bench.ground import Ground
from runtime.domain.identity import user_id
from runtime.engine import sampling

USER = sampling.USER
_COUNTED = "select count(*) from {} where user_id = %(user)s"
_TABLES = ("trades", "equity_marks", "orders", "bots")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Orders with all that was thought of them; trades of all bots together; minutes with a mark of each bot."""

    orders: int = 20_000
    trades: int = 1_000_000
    minutes: int = 525_600


def fill(ground: Ground, sizes: Sizes) -> str:
    """How much there is then, counted where it lies."""
    told = {"trades": sizes.trades, "minutes": sizes.minutes, "user": user_id(USER)}
    sampling.make(ground.database.secret(), sizes.orders, lambda _: None)
    with ground.database.connect() as connection:
        connection.execute("set session_replication_role = replica")
        for statement in (_TRADES, _COUNT, _NO_MARKS, _MARKS, _TICKED):
            connection.execute(statement, told)
        connection.execute("vacuum analyze")
        counted = [connection.execute(_COUNTED.format(each), told).fetchall()[0][0] for each in _TABLES]
    trades, marks, orders, bots = counted
    return f"{trades:,} trades, {marks:,} marks of equity and {orders:,} orders of {bots} bots"


# A coin of its own: the numbers of the sample's trades stay theirs.
_TRADES = """
insert into trades (user_id, bot_id, symbol, number, account_id, direction, opened_at, closed_at, entry_quantity,
  entry_quote, exit_quantity, exit_quote, realised, fees, fill_count)
select user_id, bot_id, 'ADA/USDT', n, account_id, 'long', closed - interval '30 seconds', closed, 1, 100, 1,
  100 + result, result, 0.1, 2
from (select *, count(*) over () as bots from bots where user_id = %(user)s) as b
cross join lateral generate_series(1, %(trades)s::int / b.bots) as n
cross join lateral (
  select now() - interval '1 year' * (1 - n::float8 / (%(trades)s::int / b.bots)) as closed,
    (n * 7919 %% 200 - 99)::numeric / 100 as result
) as made
"""
# Those of the sample are of another year: with them the curve of one year would be of two.
_NO_MARKS = "delete from equity_marks where user_id = %(user)s"
_MARKS = """
insert into equity_marks (user_id, bot_id, at, equity, realised_today, unrealised)
select user_id, bot_id, now() - (%(minutes)s::int - n) * interval '1 minute',
  (1000 * sin(n / 20000.0))::numeric(20, 6), 0, 0
from bots cross join generate_series(1, %(minutes)s::int) as n
where user_id = %(user)s
"""
_TICKED = "update bots set ticked_at = now(), equity = 100, ticks = 1 where user_id = %(user)s"
_COUNT = """
select recount_trades(user_id, bot_id, 'ADA/USDT', '-infinity') from bots where user_id = %(user)s
"""
