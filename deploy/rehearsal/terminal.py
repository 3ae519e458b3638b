"""Whoever operates a stage, at a terminal of his own: the real commands as processes, and a push to the registry."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.rehearsal.checkouts import Checkout
from deploy.rehearsal.cloud.neighbours import Neighbours
from deploy.rehearsal.narrator import Narrator, Unmet
from deploy.rehearsal.simulation import REGION, Simulation

# Waits that the simulated AWS does not need: its tasks start in moments, and a line is there before its task has ended.
PACE = ("--poll-seconds", "0.5", "--log-grace-seconds", "1")
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
        self.finish(process, "app.py")

    def run(self, checkout: Checkout, verb: str, *words: str, expects: tuple[int, ...] = (0,)) -> str:
        """What it said; its exit code must be one of those expected."""
        process = self.start(checkout, verb, *words)
        return self.finish(process, verb, expects=expects)

    def start(self, checkout: Checkout, verb: str, *words: str) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "deploy",
            verb,
            "--stage",
            self.stage,
            *PACE,
            *words,
        ]
        self.narrator.say(f"$ cd {checkout.name} && python {shlex.join(command[1:])}")
        return self._open(command, checkout, {})

    def finish(self, process: subprocess.Popen[str], what: str, *, expects: tuple[int, ...] = (0,)) -> str:
        said = self.narrator.follow(process)
        code = process.wait()
        self.simulation.warden.forget(process)  # type: ignore[arg-type]
        if code not in expects:
            raise Unmet(f"{what} to end with {' or '.join(map(str, expects))}", f"{code}: {said[-2000:]}")
        self.narrator.met(f"{what} ended with exit code {code}")
        return said

    def until_says(self, process: subprocess.Popen[str], *signs: str) -> None:
        """Until a line of it holds one of these; it must not end before."""
        assert process.stdout is not None
        for line in process.stdout:
            self.narrator.pass_on(line)
            if any(each in line for each in signs):
                return
        raise Unmet(f"a line with {' or '.join(signs)}", f"it ended with {process.wait()}")

    def interrupt(self, process: subprocess.Popen[str]) -> None:
        """Ctrl-C, which everything in that terminal hears."""
        os.killpg(process.pid, signal.SIGINT)

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

    def sign_token(self, checkout: Checkout, *, user: str, role: str) -> str:
        """As docs/aws.md says: here and not there, with the secret that the stage names."""
        secret = self.aws.secret(f"{self.context['api_secret_arn']}:secret::")
        command = [sys.executable, "-m", "runtime", "token", "--user", user, "--role", role]
        environment = {**self.environment, "HOLDFAST_API_SECRET": secret}
        done = subprocess.run(
            command, cwd=checkout.folder, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def make_secret(self, name: str, fields: Mapping[str, str]) -> str:
        return self.aws.make_secret(name, json.dumps(dict(fields)), key_id="")

    def _repository(self) -> str:
        found = self.aws.json("ecr", f"{ECR}.DescribeRepositories", {})["repositories"]
        return str(found[0]["repositoryName"])
