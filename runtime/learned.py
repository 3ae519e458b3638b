"""The verbs that tell what bots have learned: `components` and `models`, and how a model is changed by hand.

It stands between the switchboard and the rooms, as `reporting` does. To promote a model or to go back is a command,
which the desk carries out; that, and a name of old that is given, stands in the audit log.
"""

import argparse
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from runtime import building, errors, printing
from runtime.domain import gate as gates
from runtime.domain.gate import Retraining
from runtime.domain.identity import BotId
from runtime.settings import Settings
from runtime.store import bots, components, models, operations, thought_pages
from runtime.store.components import Listed as Component
from runtime.store.models import Listed
from runtime.store.pool import Store, Tx

_VERSIONS_SHOWN = 5
_DIGITS_SHOWN = 12

Role = Callable[[Settings, argparse.Namespace], int]
AddRole = Callable[[str, Role, str], argparse.ArgumentParser]


def add_roles(role: AddRole) -> None:
    added = role(
        "components", show_components, "what each bot's components remember, how old and how large it is"
    )
    added.add_argument("--json", action="store_true")
    added = role(
        "models",
        show_models,
        "what bots have learned; `promote` another version, go back, or name an old name",
    )
    added.add_argument("what", nargs="?", choices=("list", *_ACTS), default="list")
    added.add_argument("--json", action="store_true", help="of `list`")
    added.add_argument("--bot", help="whose; HOLDFAST_ACCOUNT says on which account")
    added.add_argument("--version", type=int, help="of `promote`: which one")
    added.add_argument("--alias", help="of `alias`: the name of old under which a model stands")
    added.add_argument("--reason", default="", help="for the audit log")


def show_components(settings: Settings, args: argparse.Namespace) -> int:
    with building.opened_store(settings) as store, store.single("report") as tx:
        listed = components.load_components(tx)
    if args.json:
        printing.print_json([_told_component(each) for each in listed])
        return 0
    head = "bot account component version saved-s-ago codec bytes sha256 kept whole".split()
    printing.print_table(head, [_component_cells(each) for each in listed])
    return 0


def show_models(settings: Settings, args: argparse.Namespace) -> int:
    if args.what != "list":
        return _ACTS[args.what](settings, args)
    with building.opened_store(settings) as store, store.snapshot("report") as tx:
        listed = [each for each in models.load_models(tx, _VERSIONS_SHOWN) if args.bot in (None, each.bot)]
        due = _retrainings(tx)
    if args.json:
        printing.print_json([{**_told_model(each), **_told_due(due, each)} for each in listed])
        return 0
    printing.print_table(_MODEL_HEAD, [_model_cells(each) for each in listed])
    rows = [
        (bot, name, str(each.examples), str(each.until_next))
        for (_, name), (bot, each) in due.items()
        if args.bot in (None, bot)
    ]
    printing.print_table(("bot", "model", "signals-ended", "until-next-training"), rows)
    return 0


# --- by hand ---------------------------------------------------------------------------------------------------------


def _promote(settings: Settings, args: argparse.Namespace) -> int:
    if args.version is None or args.version < 1:
        raise errors.InvalidCommand(verb="models promote", detail="say which --version")
    return _ask(settings, args, "promote", {"version": str(args.version)})


def _roll_back(settings: Settings, args: argparse.Namespace) -> int:
    return _ask(settings, args, "rollback", {})


def _alias(settings: Settings, args: argparse.Namespace) -> int:
    if not args.alias:
        raise errors.InvalidCommand(verb="models alias", detail="say which --alias")
    with building.opened_store(settings) as store:
        bot = _find_bot(store, settings, args)
        name = gates.model_name(bot.strategy)
        with store.single("give a model a name of old") as tx:
            is_new = models.record_alias(tx, bot.bot_id, args.alias, name, actor=settings.user)
    print(f"{args.alias} stands for {name} of {bot.name}{'' if is_new else ' already'}.")
    return 0


_ACTS: Mapping[str, Role] = {"promote": _promote, "rollback": _roll_back, "alias": _alias}


def _ask(settings: Settings, args: argparse.Namespace, verb: str, arguments: Mapping[str, str]) -> int:
    with building.opened_store(settings) as store:
        bot = _find_bot(store, settings, args)
        with store.single("record the command") as tx:
            recorded = operations.record_command(
                tx,
                building.find_account(store, settings).account_id,
                bot.bot_id,
                verb,
                arguments=arguments,
                requested_by=settings.user,
                reason=args.reason,
                key=f"{verb}:{datetime.now(UTC).isoformat()}",
            )
    print(f"Recorded {verb} as {recorded}.")
    return 0


def _find_bot(store: Store, settings: Settings, args: argparse.Namespace) -> bots.BotRow:
    account = building.find_account(store, settings)
    with store.single("look for the bot") as tx:
        rows = bots.load_bots(tx, account.account_id)
    for row in rows:
        if row.name == args.bot:
            return row
    detail = f"--bot must name one of {account.name}: {', '.join(row.name for row in rows) or 'it has none'}"
    raise errors.InvalidCommand(verb=f"models {args.what}", detail=detail)


# --- how it is told --------------------------------------------------------------------------------------------------


def _retrainings(tx: Tx) -> dict[tuple[BotId, str], tuple[str, Retraining]]:
    """Of each bot with a gate and its model, trained or not: its name, and when it learns next."""
    found = {}
    for each in thought_pages.every_gated(tx):
        gate = gates.parse(each.parameters)
        if gate is not None:
            due = gates.retrain_info(gate, each.examples, each.seen)
            found[BotId(each.bot_id), gates.model_name(each.strategy)] = each.bot, due
    return found


_MODEL_HEAD = (
    "bot account model version used trained-s-ago signals log-loss base accuracy bytes where sha256 before"
).split()


def _component_cells(of: Component) -> tuple[str, ...]:
    whole = f"{of.whole} of {of.kept}" if of.is_whole else f"NOT THE NEWEST, {of.whole} of {of.kept}"
    return (
        of.bot,
        of.account,
        of.component,
        str(of.version),
        f"{of.age_seconds:.0f}",
        of.codec,
        str(of.size),
        of.sha256[:_DIGITS_SHOWN],
        str(of.kept),
        whole,
    )


def _told_component(of: Component) -> dict[str, object]:
    return {
        "bot": of.bot,
        "account": of.account,
        "component": of.component,
        "version": of.version,
        "saved_at": of.saved_at,
        "age_seconds": round(of.age_seconds, 1),
        "shape": of.shape,
        "codec": of.codec,
        "size": of.size,
        "sha256": of.sha256,
        "is_whole": of.is_whole,
        "kept": of.kept,
        "whole": of.whole,
    }


def _model_cells(of: Listed) -> tuple[str, ...]:
    model = of.model
    figures = (model.metrics.get(name) for name in ("log_loss", "base_log_loss", "accuracy"))
    return (
        of.bot,
        of.account,
        model.name,
        str(model.version),
        "yes" if model.promoted else "no",
        f"{model.age_seconds:.0f}",
        str(model.training_size),
        *("-" if each is None else f"{each:.4f}" for each in figures),
        str(model.size),
        model.place,
        model.sha256[:_DIGITS_SHOWN],
        "-" if model.previous is None else str(model.previous),
    )


def _told_model(of: Listed) -> dict[str, object]:
    model = of.model
    return {
        "bot": of.bot,
        "account": of.account,
        "model": model.name,
        "version": model.version,
        "promoted": model.promoted,
        "previous": model.previous,
        "created_at": model.created_at,
        "age_seconds": round(model.age_seconds, 1),
        "training_size": model.training_size,
        "examples_seen": model.examples_seen,
        "metrics": dict(model.metrics),
        "codec": str(model.codec),
        "size": model.size,
        "place": model.place,
        "sha256": model.sha256,
    }


def _told_due(due: Mapping[tuple[BotId, str], tuple[str, Retraining]], of: Listed) -> dict[str, object]:
    found = due.get((of.model.bot_id, of.model.name))
    if found is None:
        return {}
    _, info = found
    return {"can_train": info.can_train, "examples": info.examples, "until_next_training": info.until_next}
