"""Reads a Dockerfile into stages and instructions, as much of its language as ours uses."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"


@dataclass(frozen=True, slots=True)
class Instruction:
    word: str
    text: str

    def exec_form(self) -> list[str] | None:
        """The words of a JSON array; None for the form that a shell would read."""
        return [str(each) for each in json.loads(self.text)] if self.text.startswith("[") else None


@dataclass(frozen=True, slots=True)
class Stage:
    image: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, word: str) -> list[Instruction]:
        return [each for each in self.instructions if each.word == word]

    def last(self, word: str) -> Instruction | None:
        return next(iter(reversed(self.all(word))), None)


def read(text: str) -> list[Stage]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    stages: list[Stage] = []
    for line in joined.splitlines():
        word, _, rest = line.partition(" ")
        if word.upper() == "FROM":
            image, _, name = rest.partition(" AS ")
            stages.append(Stage(image.strip(), name.strip()))
        elif stages:
            stages[-1].instructions.append(Instruction(word.upper(), rest.strip()))
        else:
            stages.append(Stage("", "", [Instruction(word.upper(), rest.strip())]))
    return stages


def faults(text: str) -> list[str]:
    """What a reviewer would refuse, one sentence for each."""
    stages = read(text)
    final = stages[-1]
    said = [f"{each.image} is not an exact tag or a digest" for each in stages if not _is_exact(each.image)]
    said += [fault for stage in stages for each in stage.instructions for fault in _faults_of(each)]
    said += _faults_at_the_end(final)
    return said


def _is_exact(image: str) -> bool:
    return bool(
        re.fullmatch(r"[a-z0-9./-]+(:\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})", image)
    )


def _faults_of(each: Instruction) -> list[str]:
    said = []
    if each.word == "ADD":
        said.append("ADD fetches and unpacks; COPY says what it does")
    if each.word in ("ENV", "ARG") and re.search(r"(?i)(secret|passw|token|key|credential)", each.text):
        said.append(f"{each.word} would keep a secret in the image: {each.text}")
    if each.word == "COPY" and any(source in (".", "./", "*", "/") for source in each.text.split()[:-1]):
        said.append(f"COPY takes whatever lies about: {each.text}")
    if each.word == "RUN" and "pip install" in each.text and "--require-hashes" not in each.text:
        said.append("pip installs without hashes")
    if each.word == "RUN" and re.search(r"\b(curl|wget|sudo)\b", each.text):
        said.append(f"RUN fetches what nobody pinned: {each.text}")
    if each.word == "RUN" and "apt-get install" in each.text and "rm -rf /var/lib/apt/lists" not in each.text:
        said.append("the package lists stay in the image")
    return said


def _faults_at_the_end(final: Stage) -> list[str]:
    said = []
    user = final.last("USER")
    if user is None or user.text.split(":")[0] in ("root", "0"):
        said.append("the program would run as root")
    for word in ("ENTRYPOINT", "CMD"):
        found = final.last(word)
        if found is not None and found.exec_form() is None:
            said.append(f"{word} is read by a shell, which would keep SIGTERM for itself")
    tools = re.compile(r"\b(build-essential|gcc|g\+\+|make|git|python3-dev|libpq-dev)\b")
    said += [f"a build tool stays: {each.text}" for each in final.all("RUN") if tools.search(each.text)]
    return said


STAGES_OF_IMAGE = read(DOCKERFILE.read_text("utf-8"))
