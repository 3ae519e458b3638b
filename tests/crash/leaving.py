"""PostgreSQL goes away under a desk that holds something, its exit leaves without it, and it is killed at each line."""

from collections.abc import Callable, Sequence

from runtime.engine.desk import Desk
from tests.crash.ground import Ground
from tests.crash.judging import Verdict
from tests.crash.points import Point, Tracer
from tests.crash.script import Director
from tests.crash.striking import die, finish, note, proxies, set_out, start, tail, via
from tests.crash.trading import MakeDirector, Site, read_sheet


class Outage(Director):
    """Takes PostgreSQL away once the bot holds something, and gives it back when the exit has left."""

    on_loss: Callable[[], object] = list

    def __init__(self, desk: Desk, ground: Ground, site: Site) -> None:
        super().__init__(desk, ground.venue, site.venue_account)
        self._mark = site.folder / "away"
        self._was_away = False

    def play(self) -> None:
        exits = self.desk.exits
        assert exits is not None
        if self._mark.exists():
            if exits.left:
                self._mark.unlink()
        elif not self._was_away and any(each.quantity for each in self.desk.ledger.positions()):
            self._was_away = True
            self._mark.touch()
            self.on_loss()
        else:
            super().play()


def _outage(ground: Ground, site: Site, on_loss: Callable[[], object] = list) -> MakeDirector:
    def make(desk: Desk) -> Director:
        director = Outage(desk, ground, site)
        director.on_loss = on_loss
        return director

    return make


def _leave(ground: Ground, site: Site, tracer: Tracer, on_loss: Callable[[], object] = list) -> int:
    """A life through a proxy that lets nothing pass while the director's mark stands; how it ended."""
    sql, http = proxies(ground)
    mark = site.folder / "away"
    sql.before = sql.after = lambda _: not mark.exists()
    child = start(via(site, sql, http), _outage(ground, site, on_loss), tracer)
    with sql, http:
        return child.wait()


def count_leaving(ground: Ground, kind: str, depth: str) -> Sequence[str]:
    """The lines from the loss of PostgreSQL to the end of the script, after an exit has left without it."""
    site, tracer = set_out(ground, kind, "leave"), Tracer(depth=depth)
    code = _leave(ground, site, tracer, on_loss=tracer.forget)
    assert code == 0, f"the outage that is to be struck does not come to its end: {code}, {tail(site)}"
    lines = read_sheet(site).lines
    assert any(line.startswith("spool/exits.py") for line in lines), "no exit left while PostgreSQL was away"
    return lines


def strike_leaving(ground: Ground, point: Point) -> Verdict:
    site, verdict = set_out(ground, point.kind, "leave"), Verdict()
    note(verdict, site, _leave(ground, site, Tracer(place=point.place, strike=die)))
    finish(ground, site, verdict)
    return verdict
