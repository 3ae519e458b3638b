"""What bots learn of their own signals: a model comes back at the start, is trained when enough signals have ended, and
is changed by operators.

Training comes last in a tick, when all orders are out, for one bot at a time and on a bounded number of signals. A
model is used once it stands in PostgreSQL, and not before. What fails here is counted and said, and trading goes on.
"""

from runtime import errors, logs
from runtime.artefacts import places
from runtime.domain import gate as gates
from runtime.domain.gate import Retraining
from runtime.domain.observation import Kind
from runtime.engine.clock import elapsed_seconds
from runtime.engine.desk import Bot, Desk, Learner, Used
from runtime.learning import features, models
from runtime.learning.memory import Saved, Unreadable
from runtime.learning.models import Example, Logistic
from runtime.store import models as stored
from runtime.store import phantoms
from runtime.store.models import DATABASE, Artefact, ModelRow
from runtime.telemetry import table

# How far back it is looked for a version that can be used.
VERSIONS_TRIED = 10
# What failed is tried again so much later.
RETRY_SECONDS = 60
# Not every BotError: that a desk must leave or has lost its lease is for the loop to hear.
_FAULTS = (
    errors.StoreUnavailable,
    errors.Conflict,
    errors.NotAllowed,
    errors.BrokenInvariant,
    errors.Refused,
    ValueError,
)


def load(desk: Desk) -> tuple[str, ...]:
    """The newest model of each bot that can be used. A sentence about each."""
    said: list[str] = []
    for bot in desk.bots:
        learner = bot.learner
        if learner is None:
            continue
        with desk.store.single("count the signals that ended") as tx:
            learner.judged = phantoms.count_judged(tx, bot.bot_id, bot.strategy.name)
        with desk.store.single("look for the last training") as tx:
            learner.seen = stored.load_seen(tx, bot.bot_id, learner.name)
        with desk.store.single("load the models") as tx:
            rows = stored.load_usable(tx, bot.bot_id, learner.name, VERSIONS_TRIED)
        learner.used = next((used for row in rows if (used := _tried(desk, bot, row))), None)
        if rows:
            said.append(f"{bot.name}: {_told(learner, rows)}")
    return tuple(said)


def learn(desk: Desk) -> None:
    """Train what is due, one bot in a tick."""
    for bot in desk.bots:
        learner = bot.learner
        if learner is None:
            continue
        if desk.observer is not None:
            learner.judged += desk.observer.ended.pop(bot.bot_id, 0)
        due = retraining(learner)
        if due.can_train and not due.until_next and elapsed_seconds() >= learner.try_at_monotonic:
            _train(desk, bot, learner)
            return


def retraining(learner: Learner) -> Retraining:
    return gates.retrain_info(learner.gate, learner.judged, learner.seen)


def promote(desk: Desk, bot: Bot, version: int) -> str:
    """Use this version from now on. Nothing is changed unless its bytes are there and can be read."""
    return _change(desk, bot, version, is_way_back=False)


def go_back(desk: Desk, bot: Bot) -> str:
    """To the version that was used before the one in use."""
    learner = _learner(bot, "rollback")
    with desk.store.single("load the models") as tx:
        rows = stored.load_usable(tx, bot.bot_id, learner.name, 1)
    if not rows or not rows[0].promoted or rows[0].previous is None:
        raise _refusal("rollback", f"there is no version of {learner.name} to go back to")
    return _change(desk, bot, rows[0].previous, is_way_back=True)


# --- training --------------------------------------------------------------------------------------------------------


def _train(desk: Desk, bot: Bot, learner: Learner) -> None:
    began_at = elapsed_seconds()
    desk.lease.renew_if_due()
    learner.try_at_monotonic = began_at + RETRY_SECONDS
    try:
        _learn_from_signals(desk, bot, learner)
    except errors.LeaseLost:
        raise
    except _FAULTS as fault:
        desk.meters.count(table.SAVES_FAILED)
        logs.error("a model is not trained", bot=bot.name, model=learner.name, detail=str(fault))
        return
    learner.try_at_monotonic = 0
    desk.meters.observe(table.TRAIN_SECONDS, elapsed_seconds() - began_at)


def _learn_from_signals(desk: Desk, bot: Bot, learner: Learner) -> None:
    with desk.store.single("load what can be learned from") as tx:
        told = phantoms.load_examples(tx, bot.bot_id, bot.strategy.name, models.EXAMPLES_MAX)
    used = learner.used
    trained = models.train(_examples(desk, bot, told), used.model if used else None)
    if trained is None:
        learner.seen = learner.judged
        logs.info("nothing can be learned yet", bot=bot.name, model=learner.name, signals=len(told))
        return
    saved = trained.model.save()
    artefact = put(desk, saved.body)
    facts = {
        "metrics": trained.metrics,
        "training_size": trained.training_size,
        "examples_seen": learner.judged,
        "promoted": trained.is_better,
    }
    with desk.store.single("record a model") as tx:
        version = stored.record_model(tx, desk.fence, bot.bot_id, learner.name, saved, artefact, **facts)
    learner.seen = learner.judged
    if trained.is_better:
        learner.used = Used(trained.model, version, artefact.sha256)
    logs.info(
        "model is trained",
        bot=bot.name,
        model=learner.name,
        version=version,
        promoted=trained.is_better,
        signals=len(told),
        **trained.metrics,
    )


def _examples(desk: Desk, bot: Bot, told: list[tuple[dict[str, object], bool]]) -> list[Example]:
    """What is no number is left out and counted: one signal of that kind must not spoil what the others teach."""
    found = []
    for seen, won in told:
        try:
            found.append(Example(features.numbers(seen), won))
        except features.NotFinite as fault:
            desk.meters.count(table.OBSERVATIONS_DROPPED, Kind.PREDICTION.word)
            logs.warning("nothing is learned from a signal", bot=bot.name, detail=str(fault))
    return found


def put(desk: Desk, body: bytes) -> Artefact:
    """Where it belongs by its size, there before any row names it."""
    if len(body) <= desk.pace.artefact_inline_bytes_max:
        return Artefact(places.digest(body), len(body), DATABASE, body)
    if desk.artefacts is None:
        raise errors.ArtefactsUnavailable(place="no folder", detail="this desk is told of none")
    return Artefact(desk.artefacts.put(body), len(body), desk.artefacts.kind, None)


# --- coming back -----------------------------------------------------------------------------------------------------


def _tried(desk: Desk, bot: Bot, row: ModelRow) -> Used | None:
    """None if it cannot be used, which is said."""
    body = _body_in_database(desk, row)
    try:
        return _used(desk, row, body)
    except (errors.Refused, Unreadable) as fault:
        why = str(fault)
    desk.meters.count(table.CHECKSUM_FAILURES)
    logs.error("a model cannot be used", bot=bot.name, model=row.name, version=row.version, detail=why)
    return None


def _used(desk: Desk, row: ModelRow, body: bytes | None) -> Used:
    if row.place == DATABASE:
        whole = places.checked(row.sha256, body or b"", "the database")
    elif desk.artefacts is not None and desk.artefacts.kind == row.place:
        whole = desk.artefacts.get(row.sha256)
    else:
        detail = f"it lies in a {row.place}, and this desk is told of none"
        raise errors.ArtefactUnusable(sha256=row.sha256, place=row.place, detail=detail)
    return Used(Logistic.load(Saved(row.shape, row.codec, whole)), row.version, row.sha256)


def _body_in_database(desk: Desk, row: ModelRow) -> bytes | None:
    if row.place != DATABASE:
        return None
    with desk.store.single("read a model") as tx:
        return stored.load_body(tx, row.sha256)


def _told(learner: Learner, rows: list[ModelRow]) -> str:
    used = learner.used
    if used is None:
        return f"{learner.name} begins anew, for none of its versions can be used"
    row = next(each for each in rows if each.version == used.version and each.sha256 == used.sha256)
    return (
        f"{row.name} is back as version {row.version}, trained {row.age_seconds:.0f} s ago on "
        f"{row.training_size} signals"
    )


def _change(desk: Desk, bot: Bot, version: int, *, is_way_back: bool) -> str:
    verb = "rollback" if is_way_back else "promote"
    learner = _learner(bot, verb)
    with desk.store.single("load a model") as tx:
        row = stored.load_model(tx, bot.bot_id, learner.name, version)
    if row is None:
        raise _refusal(verb, f"{bot.name} has no version {version} of {learner.name}")
    used = _tried(desk, bot, row)
    if used is None:
        raise _refusal(verb, f"version {version} of {learner.name} cannot be used; the log says why")
    with desk.store.single("promote a model") as tx:
        stored.promote_model(tx, desk.fence, bot.bot_id, learner.name, version, is_way_back=is_way_back)
    learner.used = used
    return f"{bot.name} uses version {version} of {learner.name}"


def _learner(bot: Bot, verb: str) -> Learner:
    if bot.learner is None:
        raise _refusal(verb, f"{bot.name} has no gate, and so no model")
    return bot.learner


def _refusal(verb: str, detail: str) -> errors.InvalidCommand:
    return errors.InvalidCommand(verb=verb, detail=detail)
