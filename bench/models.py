"""What a model costs: 10 MB of it saved through folder and row, against the same bytes in a file that is synced; and a
training on as many signals as there may be, which is what a tick may have to wait for."""

import itertools
import json
import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figure import Figure
from bench.ground import Ground, migrated
from bench.rounds import Case, alternate, ratio, typical
from runtime.artefacts.places import Folder, digest
from runtime.learning import features, models
from runtime.learning.memory import Codec, Saved
from runtime.learning.models import EXAMPLES_MAX, Example
from runtime.local.postgres import Server
from runtime.store import models as stored
from runtime.store import phantoms
from runtime.store.models import Artefact
from tests.store.desks import Desk, open_desk

BYTES = 10 << 20
REPEATS = 5
FEATURES = 16
TRAINING_MILLISECONDS_MAX = 250


def figures(server: Server, rounds: int) -> Iterator[Figure]:
    with (
        migrated(server) as ground,
        open_desk(ground.database.secret("holdfast_bot"), ground.names) as desk,
        tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder,
    ):
        yield from _saving(desk, Path(folder), rounds)
        yield _training(desk, ground)


def _saving(desk: Desk, folder: Path, rounds: int) -> Iterator[Figure]:
    bodies = [os.urandom(BYTES) for _ in range(4)]
    cases: dict[str, Case] = {
        "ours": _ours(desk, folder, bodies),
        "file": _file(folder, bodies),
        # Its name is its digest, so it has none before all of it was read; the disk is busy meanwhile.
        "digest": lambda: digest(bodies[0]),
    }
    seconds = alternate(cases, rounds=rounds, repeats=REPEATS, warm=2)
    told = ", ".join(f"{name} {typical(each) * 1000:.1f} ms" for name, each in seconds.items())
    yield Figure("a model of 10 MB / file + fsync", ratio(seconds, "ours", "file"), "x", 1.3, remark=told)
    yield Figure("its SHA-256 alone / file + fsync", ratio(seconds, "digest", "file"), "x", None)


def _ours(desk: Desk, folder: Path, bodies: list[bytes]) -> Case:
    place, turn = Folder(folder / "artefacts", "tenant"), itertools.count()

    def save() -> None:
        body = bodies[next(turn) % len(bodies)]
        artefact = Artefact(place.put(body), len(body), place.kind, None)
        facts = {"metrics": {"log_loss": 0.5}, "training_size": 1, "examples_seen": 1, "promoted": True}
        with desk.store.single("record a model") as tx:
            saved = Saved(1, Codec.RAW, body)
            stored.record_model(tx, desk.fence, desk.bot_id, "ml:bench", saved, artefact, **facts)

    return save


def _file(folder: Path, bodies: list[bytes]) -> Case:
    """Written beside, synced, renamed, and the folder synced: the least that survives a power cut."""
    turn = itertools.count()

    def save() -> None:
        number = next(turn) % len(bodies)
        part = folder / "part"
        with part.open("wb") as file:
            file.write(bodies[number])
            file.flush()
            os.fsync(file.fileno())
        part.rename(folder / f"model-{number}")
        fd = os.open(folder, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)

    return save


def _training(desk: Desk, ground: Ground) -> Figure:
    _fill_signals(desk, ground)
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        with desk.store.single("load what can be learned from") as tx:
            told = phantoms.load_examples(tx, desk.bot_id, "momentum", EXAMPLES_MAX)
        loaded = time.perf_counter()
        trained = models.train([Example(features.numbers(seen), won) for seen, won in told], None)
        taken.append((time.perf_counter() - began, loaded - began))
        if trained is None or len(told) != EXAMPLES_MAX:
            raise RuntimeError(f"{len(told)} signals were loaded, and nothing was learned")
    whole, loading = sorted(taken)[len(taken) // 2]
    return Figure(
        f"a training on {EXAMPLES_MAX:,} signals, end to end",
        whole * 1000,
        "ms",
        TRAINING_MILLISECONDS_MAX,
        remark=f"loading them {loading * 1000:.0f} ms, {FEATURES} features",
    )


def _fill_signals(desk: Desk, ground: Ground) -> None:
    dice = random.Random(7)
    seen = [{f"feature_{each}": dice.gauss(0, 1) for each in range(FEATURES)} for _ in range(100)]
    ground.database.rows(
        "insert into phantoms (user_id, phantom_id, bot_id, at, symbol, strategy, side, executed, reason, opened_price,"
        " features, closed_at, closed_price, outcome, result)"
        " select %s, gen_random_uuid(), %s, now() + number * interval '1 minute', 'BTC/USDT', 'momentum', 'buy', true,"
        " '', 100, (%s::jsonb) -> (number %% 100), now(), 101, 'won', (case when number %% 3 = 0 then 1 else -1 end)"
        " from generate_series(1, 3 * %s) as number",
        (desk.names.tenant, desk.bot_id, json.dumps(seen), EXAMPLES_MAX),
    )
