"""Draws an overview: a live picture in a terminal, plain lines where there is none. What is wrong stands first and
in words, and every figure says how old it is. It reads nothing and decides nothing; `now` is given."""

from collections.abc import Iterator
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from runtime.domain.status import BotStatus, DeskStatus, Overview, PositionStatus, ProcessStatus

# A bot that has said nothing for so long counts as stuck.
TICK_AGE_SECONDS_MAX = 60.0
PLAIN_SECONDS_BETWEEN = 5.0
CENT = Decimal("0.01")
STYLES = {"running": "green", "paused": "yellow", "halted": "bold red"}


def find_faults(
    overview: Overview, now: datetime, *, tick_age_seconds_max: float = TICK_AGE_SECONDS_MAX
) -> list[str]:
    """What an operator must know first, worst first, one sentence each."""
    desks = overview.desks
    faults = [text for desk in desks for text in _unproved(desk)]
    faults += [text for desk in desks for text in _dead(desk, now)]
    faults += [text for desk in desks for bot in desk.bots for text in _stuck(bot, now, tick_age_seconds_max)]
    faults += [text for process in overview.processes for text in _ended(process)]
    return faults


def render(overview: Overview, now: datetime) -> RenderableType:
    """The whole picture for a terminal."""
    faults = find_faults(overview, now)
    parts: list[RenderableType] = []
    if faults:
        parts.append(Panel(Text("\n".join(faults)), title=Text("What is wrong"), border_style="bold red"))
    parts += [_desk_panel(desk, now) for desk in overview.desks]
    if not overview.desks:
        parts.append(Text("No desk is known yet."))
    if overview.processes:
        parts.append(_process_table(overview.processes))
    parts.append(
        Text(f"As of {overview.at:%H:%M:%S} UTC, {age(overview.at, now)}. Ctrl-C stops all.", style="dim")
    )
    return Group(*parts)


def plain_line(overview: Overview, now: datetime) -> str:
    """The same in one line, faults first, for a log or a pipe."""
    faults = find_faults(overview, now)
    parts = [f"{now:%Y-%m-%d %H:%M:%S}Z"]
    parts += [f"WRONG: {'; '.join(faults)}"] if faults else []
    for desk in overview.desks:
        lease = f"lease epoch {desk.lease_epoch} {'held' if desk.alive else 'not held'}"
        parts.append(f"{desk.account}: {lease}, recovered {age(desk.recovered_at, now)}")
        parts += [_plain_bot(bot, now) for bot in desk.bots]
    parts += [] if overview.desks else ["no desk is known yet"]
    # One line is one line, whatever a reason or a name holds.
    return " | ".join(" ".join(part.split()) for part in parts)


def age(then: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit that still says something."""
    if then is None:
        return "never"
    seconds = int((now - then).total_seconds())
    if seconds < 0:
        return f"in {-seconds} s"
    for unit, size, limit in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172800)):
        if seconds < limit:
            return f"{seconds // size} {unit} ago"
    return f"{seconds // 86400} days ago"


class Screen:
    """Shows one overview after another on a console, in the way that console allows."""

    def __init__(self, console: Console, *, plain_seconds_between: float = PLAIN_SECONDS_BETWEEN) -> None:
        self._console = console
        self._plain_seconds_between = plain_seconds_between
        self._live = (
            Live(console=console, auto_refresh=False, transient=False) if console.is_terminal else None
        )
        self._printed_at: datetime | None = None
        self._printed_faults: list[str] = []

    def __enter__(self) -> "Screen":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, overview: Overview, now: datetime) -> None:
        """In a terminal the picture is redrawn; elsewhere a line comes now and then, and at once when a fault does."""
        if self._live is not None:
            self._live.update(render(overview, now), refresh=True)
            return
        faults = _without_ages(find_faults(overview, now))
        waited = None if self._printed_at is None else (now - self._printed_at).total_seconds()
        if waited is None or waited >= self._plain_seconds_between or faults != self._printed_faults:
            self._console.print(Text(plain_line(overview, now)), soft_wrap=True)
            self._printed_at, self._printed_faults = now, faults


def _unproved(desk: DeskStatus) -> Iterator[str]:
    if desk.unknown_orders:
        yield (
            f"{desk.account}: {_count(desk.unknown_orders, 'order')} UNKNOWN; no new risk on the symbol "
            "until the venue proves it or you resolve it."
        )
    if desk.quarantined:
        yield (
            f"{desk.account}: {_count(desk.quarantined, 'foreign row')} in quarantine; adopt or ignore "
            "each of them."
        )


def _dead(desk: DeskStatus, now: datetime) -> Iterator[str]:
    if desk.alive:
        return
    if desk.lease_expires_at is None:
        yield f"{desk.account}: its desk is dead; nobody has held its lease yet."
    else:
        ended = age(desk.lease_expires_at, now)
        yield f"{desk.account}: its desk is dead; lease epoch {desk.lease_epoch} ran out or was given back ({ended})."


def _stuck(bot: BotStatus, now: datetime, tick_age_seconds_max: float) -> Iterator[str]:
    if bot.state == "halted":
        yield f"{bot.name}: halted, because {bot.halt_reason or 'of a reason that nobody wrote down'}."
    elif bot.ticked_at is None:
        yield f"{bot.name}: has not ticked yet."
    elif (now - bot.ticked_at).total_seconds() > tick_age_seconds_max:
        yield f"{bot.name}: its last tick was {age(bot.ticked_at, now)}."


def _ended(process: ProcessStatus) -> Iterator[str]:
    if process.pid is None:
        said = f"; it said: {process.last_line}" if process.last_line else ""
        yield f"process {process.name}: {process.state}, restarted {process.restarts} times{said}"


def _desk_panel(desk: DeskStatus, now: datetime) -> Panel:
    lease = f"lease epoch {desk.lease_epoch}, {desk.lease_holder or 'nobody'}"
    lease += f", renews before {desk.lease_expires_at:%H:%M:%S}" if desk.lease_expires_at is not None else ""
    recovery = f"last recovery {age(desk.recovered_at, now)}: {desk.last_recovery or 'nothing to recover'}"
    table = Table(box=None, expand=True, pad_edge=False)
    for heading in ("bot", "strategy", "state"):
        table.add_column(heading)
    for heading in ("result", "realised", "open", "fills", "ticks", "memory", "model"):
        table.add_column(heading, justify="right")
    table.add_column("positions")
    for bot in desk.bots:
        table.add_row(*_bot_cells(bot, now))
    title = Text(f"{desk.account}  {desk.venue} {desk.market}  {'alive' if desk.alive else 'DEAD'}")
    return Panel(
        Group(Text(lease, style="dim"), Text(recovery, style="dim"), table),
        title=title,
        title_align="left",
        border_style="green" if desk.alive else "red",
    )


def _bot_cells(bot: BotStatus, now: datetime) -> list[Text]:
    return [
        Text(bot.name, style="bold"),
        Text(bot.strategy),
        Text(bot.state, style=STYLES[bot.state]),
        Text(f"{_signed(bot.equity)} ({age(bot.equity_at, now)})"),
        Text(_signed(bot.realised)),
        Text(str(bot.open_orders)),
        Text(str(bot.fills)),
        Text(f"{bot.ticks} ({age(bot.ticked_at, now)})"),
        Text(age(bot.saved_at, now)),
        Text("-" if bot.trained_at is None else age(bot.trained_at, now)),
        Text("\n".join(_position(position) for position in bot.positions) or "flat"),
    ]


def _process_table(processes: tuple[ProcessStatus, ...]) -> Table:
    table = Table(box=None, expand=True, pad_edge=False, header_style="dim", style="dim")
    for heading in ("process", "pid", "state", "restarts"):
        table.add_column(heading, no_wrap=True)
    table.add_column("last line", ratio=1, no_wrap=True, overflow="ellipsis")
    for process in processes:
        pid = str(process.pid) if process.pid is not None else "-"
        cells = (process.name, pid, process.state, str(process.restarts), process.last_line)
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _plain_bot(bot: BotStatus, now: datetime) -> str:
    result = f"result {_signed(bot.equity)} ({age(bot.equity_at, now)})"
    holds = ", ".join(_position(position) for position in bot.positions) or "flat"
    ticks = f"tick {bot.ticks} ({age(bot.ticked_at, now)})"
    counts = f"{bot.open_orders} open, {bot.fills} fills, {ticks}, memory saved {age(bot.saved_at, now)}"
    model = "" if bot.trained_at is None else f", model trained {age(bot.trained_at, now)}"
    return f"{bot.name} {bot.state}, {result}, {holds}, {counts}{model}"


def _position(position: PositionStatus) -> str:
    text = f"{position.symbol} {_figure(position.quantity)} at {_figure(position.average_price)}"
    return text if position.unrealised is None else f"{text} ({position.unrealised:+,.2f})"


def _signed(amount: Decimal | None) -> str:
    """Won or lost, never a wealth: the ledger's `equity` is what a bot made since it began."""
    return "-" if amount is None else f"{amount.quantize(CENT, rounding=ROUND_HALF_EVEN):+,}"


def _figure(number: Decimal) -> str:
    """Eight significant digits and no exponent: for reading, not for reckoning."""
    text = f"{Decimal(f'{number:.8g}'):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _count(number: int, noun: str) -> str:
    return f"{number} {noun} is" if number == 1 else f"{number} {noun}s are"


def _without_ages(faults: list[str]) -> list[str]:
    # A fault whose age grows is still the same fault.
    return ["".join(char for char in fault if not char.isdigit()) for fault in faults]
