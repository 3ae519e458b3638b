"""Reads the repository's Python files and gives the rules what they look at.

It touches files of this repository only. A rule is a function from one Source to the Faults in it, so that a
rule can be tried on three lines of text as well as on the tree.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("runtime", "stacks", "deploy", "migrations", "requirements", "bench", "tests", "docker")
OWN_PACKAGES = frozenset(FOLDERS)

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file; `path` is relative to the repository and has forward slashes, `nodes` is the whole tree."""

    path: str
    text: str
    tree: ast.Module
    nodes: tuple[ast.AST, ...]

    def stands_in(self, *folders: str) -> bool:
        return any(self.path == folder or self.path.startswith(folder + "/") for folder in folders)

    def functions(self) -> Iterator[Function]:
        return (node for node in self.nodes if isinstance(node, FUNCTIONS))

    def classes(self) -> Iterator[ast.ClassDef]:
        return (node for node in self.nodes if isinstance(node, ast.ClassDef))

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in self.nodes if isinstance(node, ast.Call))


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """A place that breaks a rule. `subject` is what an exception would name: it stays when lines move."""

    path: str
    line: int
    subject: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.subject}: {self.what}"


Rule = Callable[[Source], Iterator[Fault]]


def parse_source(path: str, text: str) -> Source:
    tree = ast.parse(text, filename=path)
    # Walked once: a dozen rules look at every node of a hundred thousand lines.
    return Source(path, text, tree, tuple(ast.walk(tree)))


@cache
def load_sources() -> tuple[Source, ...]:
    """Every Python file of ours; files being written by an editor or a generator (dot files) are not ours."""
    paths = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    named = ((path.relative_to(ROOT).as_posix(), path) for path in paths if not path.name.startswith("."))
    return tuple(parse_source(name, path.read_text("utf-8")) for name, path in named)


def dotted_name(node: ast.AST) -> str:
    """`a.b.c` for such an expression, the last attribute alone where the rest is computed, else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted_name(node.value)}.{node.attr}".lstrip(".")
    return ""


def imported_modules(node: ast.AST) -> list[str]:
    """The modules that an import statement names, as `package.module`; nothing for other nodes."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" if node.module else alias.name for alias in node.names]
    return []
