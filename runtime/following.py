"""The verbs of who is followed, and of the user who follows: `score`, `ranked`, `user`.

It stands between the switchboard and the rooms, as `safekeeping` does.
"""

import argparse
from collections.abc import Callable
from decimal import Decimal

from runtime import building, errors, printing
from runtime.domain import wishes
from runtime.engine import scoring
from runtime.settings import Settings
from runtime.store import users
from runtime.store.users import User

Role = Callable[[Settings, argparse.Namespace], int]
AddRole = Callable[[str, Role, str], argparse.ArgumentParser]


def add_roles(role: AddRole) -> None:
    role("score", score, "rank the bots of the user by the last thirty days, once")
    added = role("ranked", show_ranked, "the traders of the newest completed scoring run, the best first")
    added.add_argument("--count", type=int, default=20)
    added.add_argument("--json", action="store_true")
    added = role("user", change_user, "what the user wishes of all their bots; shown, and changed if asked")
    added.add_argument(
        "--profile", choices=tuple(wishes.PROFILES), help="how large: half, as in the desk file, or half more"
    )
    added.add_argument(
        "--cap",
        action="append",
        default=[],
        metavar="NAME=AMOUNT",
        help=f"a cap on each bot's {', '.join(wishes.CAPS)}; `none` takes it away",
    )
    added.add_argument("--enable", action="store_const", const=True, dest="enabled")
    added.add_argument(
        "--disable", action="store_const", const=False, dest="enabled", help="no new risk on any bot"
    )
    added.add_argument("--reason", default="", help="why; it is kept in the audit log")
    added.add_argument("--json", action="store_true")


def score(settings: Settings, _: argparse.Namespace) -> int:
    with building.opened_store(settings) as store:
        run_id = scoring.score_once(store)
        ranked = scoring.load_ranked(store)
    print(f"Scoring run {run_id} is completed: {len(ranked)} trader(s) are ranked.")
    return 0


def show_ranked(settings: Settings, args: argparse.Namespace) -> int:
    with building.opened_store(settings) as store:
        ranked = scoring.load_ranked(store, args.count)
    if args.json:
        told = [
            {
                "rank": each.score.rank,
                "trader": each.score.trader,
                "score": each.score.score,
                "run_id": each.run_id,
                "scored_at": each.scored_at,
                **each.score.metrics,
            }
            for each in ranked
        ]
        printing.print_json(told)
        return 0
    rows = [
        (
            f"{each.score.rank}. {each.score.trader}",
            printing.amount(each.score.score),
            *(str(each.score.metrics.get(name) or "-") for name in ("trades", "result", "deepest_fall")),
            f"{each.scored_at:%Y-%m-%d %H:%M}",
        )
        for each in ranked
    ]
    printing.print_table(("trader", "score", "trades", "result", "deepest-fall", "scored"), rows)
    return 0


def change_user(settings: Settings, args: argparse.Namespace) -> int:
    """All of what is asked in one transaction, and then how it stands."""
    caps = _caps(args.cap)
    by = {"actor": settings.user, "reason": args.reason}
    with building.opened_store(settings) as store, store.transaction("change what the user wishes") as tx:
        if args.profile or caps:
            users.record_wishes(tx, risk_profile=args.profile, caps=caps, **by)
        if args.enabled is not None:
            users.record_enabled(tx, enabled=args.enabled, **by)
        _tell(users.load_user(tx), as_json=args.json)
    return 0


def _caps(written: list[str]) -> dict[str, Decimal | None]:
    """Every fault at once, before anything is changed."""
    pairs = dict(each.partition("=")[::2] for each in written)
    faults = [
        f"{name!r:.40} is not one of {', '.join(wishes.CAPS)}" for name in pairs if name not in wishes.CAPS
    ]
    named = {name: amount for name, amount in pairs.items() if amount != "none"}
    parsed, wrong = wishes.parse_caps(named)
    if faults or wrong:
        raise errors.InvalidCommand(verb="user --cap", detail="; ".join([*faults, *wrong]))
    return {name: parsed.get(name) for name in pairs}


def _tell(user: User, *, as_json: bool) -> None:
    wished = user.wishes
    told = {
        "user": user.name,
        "enabled": wished.enabled,
        "risk_profile": wished.risk_profile,
        "caps": wished.caps,
        "no_new_risk_because": wished.objection,
        "updated_at": user.updated_at,
    }
    if as_json:
        printing.print_json(told)
        return
    caps = ", ".join(f"{name} {cap:f}" for name, cap in wished.caps.items()) or "no caps"
    print(f"{user.name}: {wished.risk_profile}, {caps}, {wished.objection or 'new risk is allowed'}")
