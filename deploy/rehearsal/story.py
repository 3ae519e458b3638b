"""The story of a rehearsal, short or whole, from an empty account to an empty account and up again.

`LIMITS` is what it does not show, and is told at its end.
"""

import secrets
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

from deploy.rehearsal import scenes
from deploy.rehearsal.checkouts import copy_of_this
from deploy.rehearsal.console import Console
from deploy.rehearsal.narrator import Narrator
from deploy.rehearsal.play import DESK, Play
from deploy.rehearsal.simulation import Simulation, free_port
from deploy.rehearsal.terminal import Operator
from deploy.rehearsal.venue import ACCOUNT, KEYS, Venue

Scene = Callable[[Play], object]

WHOLE: Mapping[str, Scene] = {
    "From nothing: no image yet (4), then everything, then the desk": scenes.from_nothing,
    "The bots trade at the venue": scenes.bots_trade,
    "A plan when nothing has to change": scenes.nothing_to_do,
    "The page, through the tunnel: health, a token, bots, the stream, a browser": scenes.page_is_opened,
    "The next version, with a migration": scenes.next_version,
    "Back to the version before by hand, and forward again": scenes.roll_back,
    "A schema that the version before does not suit: no way back (4), nothing trades on it (1)": (
        scenes.schema_goes_on_alone
    ),
    "A migration that fails: exit 1, the desk untouched": scenes.migration_fails,
    "An image that crash-loops: rolled back, exit 3": scenes.image_crash_loops,
    "kill -9 of the deployer in the middle: locked (5), unlocked, done": scenes.deployer_is_killed,
    "Two deploys at once: one is refused, exit 5": scenes.two_at_once,
    "Paused, deployed, still paused": scenes.paused_stays_paused,
    "The database fails over under a desk that trades": scenes.database_fails_over,
    "Backup, drill and retention, as their schedules start them": scenes.run_by_the_clock,
    "Restored to a point in time, beside the living database": scenes.restore_to_a_point,
    "Every order of the venue against the ledger": scenes.count_orders,
    "Destroy is refused where its backup fails": scenes.destroy_is_refused,
    "Destroy, with the last backup and its leftovers": scenes.destroy,
    "Up again from what was left": scenes.up_again,
}
SHORT: Mapping[str, Scene] = {
    "From nothing": scenes.from_nothing,
    "The bots trade at the venue": scenes.bots_trade,
    "The page, through the tunnel": scenes.page_is_opened,
    "A migration that fails": scenes.migration_fails,
    "Every order of the venue against the ledger": scenes.count_orders,
    "Destroy": lambda play: scenes.destroy(play, "--without-backup"),
}

LIMITS = (
    "Permissions: roles and policies are made and not judged, but for who may connect to the database as whom.",
    "Networks: security groups and routes are made and let everything through; a task's network is this machine's.",
    "The way to the page: AWS's plugin, its agent in the task and the channel between them are not here. The deployer "
    "asks for a session and starts a stand-in for the plugin, which simply connects to the task's port.",
    "Times: RDS takes a quarter of an hour there and seconds here; health is asked every second and not every 30; "
    "a task's last lines are there before it has ended, and are waited for a second and not 15.",
    "Images: one is a folder of this machine. Nothing is pulled; user, read-only root, CPU and memory do not bind.",
    "Alarms ring by simpler rules, which take silence for nothing; nobody is paged; schedules do not fire, their tasks "
    "are started by hand.",
    "Quotas, prices, Multi-AZ, KMS and Object Lock have no effect. A fail-over is a crash of the one server.",
    "Addresses: `hostaddr` in DATABASE_URL stands for the name server, and RDS's authority is the rehearsal's own. "
    "TLS, tokens and the master's secret are as on AWS.",
)


def rehearse(chosen: Mapping[str, Scene], *, out: TextIO = sys.stdout, keep: bool = False) -> None:
    """Raises Unmet with what was expected and what was found."""
    narrator = Narrator(out)
    with Simulation(keep=keep) as simulation, Venue(simulation.warden, simulation.folder / "venue") as venue:
        nobody = Operator(simulation, narrator, "dev", {})
        secret = nobody.make_secret("holdfast/first", KEYS)
        signing = nobody.make_secret("holdfast/api", {"secret": secrets.token_urlsafe(40)})
        desk = {
            "name": DESK,
            "account": ACCOUNT,
            "venue_url": venue.url,
            "keys_secret_arn": secret,
            "has_passphrase": True,
        }
        context = {
            "database_port": free_port(),
            "desks": [desk],
            "api_secret_arn": signing,
            "api_port": free_port(),
        }
        operator = Operator(simulation, narrator, "dev", context)
        play = Play(
            simulation=simulation,
            narrator=narrator,
            operator=operator,
            console=Console(simulation, narrator, "dev", operator.aws),
            venue=venue,
            now=copy_of_this(simulation.folder / "checkouts", "v1"),
        )
        try:
            for title, scene in chosen.items():
                with narrator.step(title):
                    scene(play)
        finally:
            narrator.close(play.figures, LIMITS)
