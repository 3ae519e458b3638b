"""A stage on a scripted AWS, and the deployer's real commands on it: what a scenario begins with and looks at.

`run` goes through the verbs' own parsers and gives back what a shell would see: the exit code and the sentence.
"""

import argparse
import io
import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from deploy import deploying, destroy, planning
from deploy.errors import DeployError
from deploy.site import Site
from deploy.timeline import Timeline
from stacks.settings import Stage, read_stage
from tests.deploy.scripted import ScriptedAws
from tests.deploy.simulated.ecr import Image
from tests.deploy.simulated.kms import Secret
from tests.deploy.simulated.rollouts import Desk, OneOff
from tests.deploy.simulated.snapshots import Database
from tests.stacks import rig
from tests.stacks.rig import SECRET as SECRET

VERBS = {"deploy": deploying, "plan": planning, "destroy": destroy}
# What a scenario does to the resources of a template.
Change = Callable[[dict[str, Any]], object]
FIRST, SECOND, THIRD = (f"sha256:{letter * 64}" for letter in "abc")


@dataclass(frozen=True)
class Result:
    code: int
    says: str
    told: str
    error: DeployError | None = None


@dataclass
class Scene:
    """`aws` is the world; two runs on it are two deployers, each with an account of its own."""

    aws: ScriptedAws
    stage: Stage
    templates: Path
    dumps_made: int = 0

    def site(self, owner: str = "ada@desk") -> Site:
        cloud = self.aws.account()
        return Site(
            stage=self.stage,
            cloud=cloud,
            clock=self.aws.clock,
            timeline=Timeline(self.aws.clock, out=io.StringIO()),
            templates=self.templates,
            owner=owner,
            poll_seconds=15,
        )

    def run(self, verb: str, *words: str, owner: str = "ada@desk") -> Result:
        site = self.site(owner)
        parser = argparse.ArgumentParser()
        VERBS[verb].add_arguments(parser)
        args = parser.parse_args(words)
        try:
            site.guard()
            code, says, error = VERBS[verb].run(site, args), "", None
        except DeployError as fault:
            code, says, error = fault.exit_code, str(fault), fault
        out = site.timeline.out
        assert isinstance(out, io.StringIO)
        return Result(code, says, out.getvalue(), error)

    # --- the world --------------------------------------------------------------------------------------------------

    def stack(self, name: str) -> str:
        return f"{self.stage.prefix}-{name}"

    @property
    def desk(self) -> Desk:
        return next(iter(self.aws.ecs.desks.values()))

    @property
    def database(self) -> Database:
        return next(iter(self.aws.rds.instances.values()))

    @property
    def bucket(self) -> str:
        return f"{self.stage.prefix}-{self.aws.standing.account_id}-{self.aws.standing.region}"

    def push(self, digest: str, tag: str, **image: object) -> None:
        """Somebody pushes an image, if there is a registry."""
        for each in self.aws.ecr.repositories.values():
            at = self.aws.clock.now() + timedelta(seconds=len(each.images))
            each.images[digest] = Image(digest, (tag,), pushed_at=at, **image)  # type: ignore[arg-type]

    def statuses(self) -> set[str]:
        return {each.status for each in self.aws.cloudformation.stacks.values()}

    def receipts(self) -> list[dict[str, object]]:
        """The newest last."""
        bucket = self.aws.s3.buckets[self.bucket]
        keys = [each for each in bucket.keys if each.startswith("releases/")]
        return [json.loads((found.body or b"") if (found := bucket.latest(each)) else b"{}") for each in keys]

    def dump(self, *, size: int = 64, said: int | None = None, age_seconds: float = 0) -> None:
        """What the backup task puts: the bytes, and last the manifest, which may lie."""
        bucket = next(name for name in self.aws.s3.buckets if "-dumps" in name)
        self.dumps_made += 1
        at = self.aws.clock.now() - timedelta(seconds=age_seconds)
        name = f"holdfast-{at:%Y%m%dT%H%M%SZ}-{self.dumps_made:08x}"
        self.aws.s3.put(bucket, f"pg_dump/{name}.dump", b"x" * size)
        told = {"name": name, "taken_at": at.isoformat(), "size": said or size, "sha256": "0" * 64}
        self.aws.s3.put(bucket, f"pg_dump/{name}.json", json.dumps(told).encode())

    def backups(self, tasks: Iterable[OneOff]) -> None:
        self.aws.ecs.one_offs[self.stack("backup")] = list(tasks)

    def good_migration(self, on_exit: Callable[[], object]) -> OneOff:
        return OneOff(on_exit=on_exit)

    def good_backup(self, **more: object) -> OneOff:
        return OneOff(seconds=120, on_exit=lambda: self.dump(**more))  # type: ignore[arg-type]


def open_stage(name: str = "dev", *, variant: str = "") -> Scene:
    folder = rig.paths(variant or name)["Bot"].parent
    context = dict(rig.VARIANTS[variant or name])
    return Scene(ScriptedAws(), read_stage(name, context), folder)


def stand(name: str = "dev", *, variant: str = "", secrets: Iterable[str] = ()) -> Scene:
    """A stage that was deployed and trades, by the deployer itself; a world of its own for each caller."""
    return deepcopy(_stand(name, variant, frozenset(secrets)))


@cache
def _stand(name: str, variant: str, secrets: frozenset[str]) -> Scene:
    scene = open_stage(name, variant=variant)
    for arn in {*secrets, *(desk.keys_secret_arn for desk in scene.stage.desks)} - {""}:
        scene.aws.kms.secrets[arn] = Secret(arn)
    first = scene.run("deploy")
    assert first.code == 4, first.says
    scene.push(FIRST, "v1")
    done = scene.run("deploy")
    assert done.code == 0, done.says
    scene.aws.asked.clear()
    assert scene.aws.clock.can_be_copied
    return scene


def order(scene: Scene, *wanted: str) -> list[str]:
    found = [each for each in scene.aws.changes() if each in wanted]
    return [each for number, each in enumerate(found) if number == 0 or found[number - 1] != each]
