"""Whoever operates a stage, at a terminal of his own: the real commands as processes, and a push to the registry."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from deploy.rehearsal.checkouts import Checkout
from deploy.rehearsal.cloud.neighbours import Neighbours
from deploy.rehearsal.narrator import Narrator, Unmet
from deploy.rehearsal.simulation import ACCOUNT_ID, REGION, Simulation

ECR = "AmazonEC2ContainerRegistry_V20150921"


@dataclass(slots=True)
class Operator:
    simulation: Simulation
    narrator: Narrator
    stage: str
    context: Mapping[str, object]
    aws: Neighbours = field(init=False)
    digests: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.aws = Neighbours(self.simulation.endpoint, REGION, "rehearsal")

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.simulation.environment,
            "CDK_CONTEXT_JSON": json.dumps({**self.context, "stage": self.stage}),
            "CDK_VALIDATION": "false",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    # --- commands ---------------------------------------------------------------------------------------------------

    def synthesise(self, checkout: Checkout) -> None:
        out = {"CDK_OUTDIR": f"cdk.out/{self.stage}"}
        process = self._open([sys.executable, "app.py"], checkout, out)
        self._finish(process, "app.py", (0,))

    def run(self, checkout: Checkout, verb: str, *words: str, expects: tuple[int, ...] = (0,)) -> str:
        """What it said; its exit code must be one of those expected."""
        process = self.start(checkout, verb, *words)
        return self._finish(process, verb, expects)

    def start(self, checkout: Checkout, verb: str, *words: str) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "deploy",
            verb,
            "--stage",
            self.stage,
            "--poll-seconds",
            "0.5",
            *words,
        ]
        self.narrator.say(f"$ cd {checkout.name} && python {shlex.join(command[1:])}")
        return self._open(command, checkout, {})

    def finish(self, process: subprocess.Popen[str], verb: str, *, expects: tuple[int, ...] = (0,)) -> str:
        return self._finish(process, verb, expects)

    def until_says(self, process: subprocess.Popen[str], *signs: str) -> None:
        """Until a line of it holds one of these; it must not end before."""
        assert process.stdout is not None
        for line in process.stdout:
            self.narrator.pass_on(line)
            if any(each in line for each in signs):
                return
        raise Unmet(f"a line with {' or '.join(signs)}", f"it ended with {process.wait()}")

    def kill(self, process: subprocess.Popen[str]) -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def _open(self, command: list[str], checkout: Checkout, more: Mapping[str, str]) -> subprocess.Popen[str]:
        started: subprocess.Popen[Any] = self.simulation.warden.start(
            command,
            cwd=checkout.folder,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return started

    def _finish(self, process: subprocess.Popen[str], what: str, expects: tuple[int, ...]) -> str:
        said = self.narrator.follow(process)
        code = process.wait()
        self.simulation.warden.forget(process)  # type: ignore[arg-type]
        if code not in expects:
            raise Unmet(f"{what} to end with {' or '.join(map(str, expects))}", f"{code}: {said[-2000:]}")
        self.narrator.met(f"{what} ended with exit code {code}")
        return said

    # --- what is done without the deployer ---------------------------------------------------------------------------

    def push(self, checkout: Checkout) -> str:
        """The digest of the image; its tag is the version's name, as `docker push` gives it."""
        repository = self._repository()
        manifest = checkout.manifest()
        answer = self.aws.json(
            "ecr",
            f"{ECR}.PutImage",
            {
                "repositoryName": repository,
                "imageManifest": manifest,
                "imageManifestMediaType": json.loads(manifest)["mediaType"],
                "imageTag": checkout.name,
            },
        )
        digest = str(answer["image"]["imageId"]["imageDigest"])
        self.simulation.images.push(digest, checkout.folder)
        self.digests[checkout.name] = digest
        self.narrator.say(f"pushed {checkout.name} as {digest[:19]}...")
        return digest

    def make_secret(self, name: str, fields: Mapping[str, str]) -> str:
        return self.aws.make_secret(name, json.dumps(dict(fields)), key_id="")

    def _repository(self) -> str:
        found = self.aws.json("ecr", f"{ECR}.DescribeRepositories", {})["repositories"]
        return str(found[0]["repositoryName"])

    @property
    def _bucket(self) -> str:
        return f"holdfast-{self.stage}-{ACCOUNT_ID}-{REGION}"

    def note_pause(self, desk: str) -> None:
        """The deployer's own note, by hand: before the first deploy there is no service that `pause` could stop."""
        note = {"who": "rehearsal", "reason": "nobody is enrolled yet", "at": datetime.now(UTC).isoformat()}
        self.aws.put_object(self._bucket, f"paused/{desk}", json.dumps(note).encode())
