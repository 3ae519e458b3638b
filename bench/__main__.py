"""`python -m bench`: prints the figures of the README with their targets. Takes some minutes."""

import argparse
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from bench import api, candles, embedded, models, recovery, reports, spool, turn
from bench.figure import Figure
from bench.ground import Ground, durable_server, migrated
from bench.link import slow_link
from bench.object_mapper import mapped
from bench.order_life import bare, ours
from bench.rounds import Case, alternate, ratio, typical
from runtime.local.postgres import Server
from tests.store.desks import make_names, open_desk

TRIP_SECONDS = 0.0007
# A managed disk: every commit waits a millisecond before it flushes, even when nobody else commits.
SLOW_COMMIT = ("alter system set commit_delay = 1000", "alter system set commit_siblings = 0")
# What says which values and which other rows there must be: without it nothing is left but rows and their indexes.
DROP_RULES = """
do $$
declare
  rule record;
begin
  for rule in
    select conrelid::regclass as owner, contypid::regtype as kind, conrelid <> 0 as is_of_a_table, conname
    from pg_constraint where connamespace = 'holdfast'::regnamespace and contype in ('c', 'f')
  loop
    if rule.is_of_a_table then
      execute format('alter table %%s drop constraint %%I', rule.owner, rule.conname);
    else
      execute format('alter domain %%s drop constraint %%I', rule.kind, rule.conname);
    end if;
  end loop;
end
$$
"""
GUARDED = ("leases", "bots", "jobs", "orders", "order_events", "fills", "positions", "trades")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="how often the cases take turns")
    rounds = parser.parse_args().rounds
    print("figure                                               measured target           verdict  remark")
    for figure in _figures(rounds):
        print(figure.line(), flush=True)


def _figures(rounds: int) -> Iterator[Figure]:
    with durable_server() as server:
        yield from _order_life(server, rounds)
        yield _recovery(server, rounds)
        yield from spool.figures(server, rounds)
        yield from candles.figures(server, rounds)
        yield from turn.figures(server)
        yield from reports.figures(server)
        yield from models.figures(server, rounds)
        yield from api.figures(server, rounds)
        yield from _managed(server, rounds)
    yield from _embedded()


def _order_life(server: Server, rounds: int) -> Iterator[Figure]:
    with (
        migrated(server) as ground,
        migrated(server) as unguarded,
        migrated(server) as unruled,
        ExitStack() as open_cases,
    ):
        for each in (unguarded, unruled):
            _drop_guards(each)
        unruled.database.rows(DROP_RULES)
        cases: dict[str, Case] = {
            "bare": open_cases.enter_context(bare(ground.database.secret())),
            "ours": open_cases.enter_context(ours(ground.database.secret("holdfast_bot"), ground)),
            "unguarded": open_cases.enter_context(ours(unguarded.database.secret(), unguarded)),
            "rows": open_cases.enter_context(ours(unruled.database.secret(), unruled)),
            "mapper": open_cases.enter_context(_mapper(ground)),
        }
        _settle(cases, ground, unguarded, unruled)
        seconds = alternate(cases, rounds=rounds, repeats=60)
    told = _milliseconds(seconds)
    yield Figure("order life / three bare inserts", ratio(seconds, "ours", "bare"), "x", 1.25, remark=told)
    yield Figure("its rows and indexes, nothing watching / three", ratio(seconds, "rows", "bare"), "x", None)
    yield Figure("order life, ORM sessions / ours", ratio(seconds, "mapper", "ours"), "x", 4, at_least=True)
    yield Figure("order life, guards on / off", ratio(seconds, "ours", "unguarded"), "x", 1.4)


@contextmanager
def _mapper(ground: Ground) -> Iterator[Case]:
    """On the same database, for another tenant."""
    names = make_names(ground.database)
    url = ground.database.secret("holdfast_bot")
    with open_desk(url, names) as desk, mapped(url, names, desk.fence.epoch) as case:
        yield case


def _drop_guards(ground: Ground) -> None:
    for table in GUARDED:
        ground.database.rows(f"alter table {table} disable row level security, disable trigger user")


def _settle(cases: Mapping[str, Case], *grounds: Ground) -> None:
    """Rows and statistics as a desk has them after its first minutes: plans made for empty tables are no measure."""
    for case in cases.values():
        for _ in range(100):
            case()
    for ground in grounds:
        ground.database.rows("vacuum analyze")


def _managed(server: Server, rounds: int) -> Iterator[Figure]:
    with migrated(server) as ground, slow_link(server, TRIP_SECONDS) as link, ExitStack() as open_cases:
        for statement in SLOW_COMMIT:
            ground.database.rows(statement)
        ground.database.rows("select pg_reload_conf()")
        cases: dict[str, Case] = {
            "bare": open_cases.enter_context(bare(link.through(ground.database.url()))),
            "ours": open_cases.enter_context(ours(link.through(ground.database.url("holdfast_bot")), ground)),
        }
        _settle(cases, ground)
        seconds = alternate(cases, rounds=rounds, repeats=40)
    yield Figure(
        "the same, +0.7 ms a trip, 1 ms a commit",
        ratio(seconds, "ours", "bare"),
        "x",
        1.05,
        remark=_milliseconds(seconds),
    )


def _recovery(server: Server, rounds: int) -> Figure:
    with migrated(server) as ground, ExitStack() as open_cases:
        recovery.fill_books(ground)
        cases = {
            "ledger": open_cases.enter_context(recovery.loaded(ground)),
            "copy": open_cases.enter_context(recovery.copied(ground.database.secret(), ground)),
        }
        seconds = alternate(cases, rounds=rounds, repeats=3, warm=2)
    name = "recovery of 10,000 orders and positions / bare COPY"
    return Figure(name, ratio(seconds, "ledger", "copy"), "x", 2, remark=_milliseconds(seconds))


def _embedded() -> Iterator[Figure]:
    seconds = embedded.measure()
    yield Figure("embedded server, cold start", seconds["cold"], "s", 0.6)
    yield Figure("embedded server, warm start", seconds["warm"], "s", 0.1)
    yield Figure("embedded server, owner killed -9 to clean stop", seconds["stop"], "s", 0.1)


def _milliseconds(seconds: Mapping[str, list[float]]) -> str:
    return ", ".join(f"{name} {typical(each) * 1000:.2f} ms" for name, each in seconds.items())


if __name__ == "__main__":
    main()
