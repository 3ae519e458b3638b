"""Rules about structure: hidden imports, hidden SQL, swallowed exceptions, missing words at the top of a module."""

import ast
import re
from collections.abc import Iterator

from tests.house.sources import OWN_PACKAGES, Fault, Source, dotted_name, imported_modules

BROAD = frozenset(("Exception", "BaseException"))
MARKED = re.compile(r"#.*\bbroad: \S+")

# A library and the places that may know it; tests and benchmarks may look behind every door.
OWNERS = {
    "boto3": ("runtime/artefacts/s3.py", "deploy/aws.py"),
    "botocore": ("runtime/store/access.py", "runtime/artefacts/s3.py", "deploy/aws.py"),
    "psycopg": ("runtime/store",),
    "psycopg_pool": ("runtime/store",),
    "alembic": ("runtime/store", "migrations"),
    "sqlalchemy": ("migrations/env.py", "migrations/script.py"),
    "ccxt": ("runtime/exchanges",),
    "rich": ("runtime/local", "runtime/__main__.py"),
    "runtime": ("runtime",),
    "aws_cdk": ("stacks",),
    "constructs": ("stacks",),
}
LOOKS_EVERYWHERE = ("tests", "bench")
MIGRATIONS_MAY_READ = ("runtime.settings", "runtime.errors")

# Words that SQL puts first in upper or lower case, and pairs that are SQL wherever they stand in capitals.
SQL = re.compile(
    r"(?i:^\s*(with\s+\w+\s+as\b|select\b.+\bfrom|update\s+[\w.\"]+\s+set)\b)"
    r"|(?i:\binsert\s+into\b|\bdelete\s+from\b)"
    r"|\bSELECT\b.+\bFROM\b|\bUPDATE\s+\S+\s+SET\b",
    re.DOTALL,
)
UNFINISHED = re.compile("|".join(rf"\b{word}\b" for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X")))


def imports_inside_functions(source: Source) -> Iterator[Fault]:
    for function in source.functions():
        for node in ast.walk(function):
            for module in imported_modules(node):
                if module.partition(".")[0] in OWN_PACKAGES:
                    yield Fault(
                        source.path, getattr(node, "lineno", 1), module, "hides a cycle in a function"
                    )


def strangers(source: Source) -> Iterator[Fault]:
    if source.stands_in(*LOOKS_EVERYWHERE):
        return
    for node in source.nodes:
        for module in imported_modules(node):
            owners = OWNERS.get(module.partition(".")[0])
            allowed = source.stands_in("migrations") and module.startswith(MIGRATIONS_MAY_READ)
            if owners and not source.stands_in(*owners) and not allowed:
                yield Fault(
                    source.path, getattr(node, "lineno", 1), module, f"belongs to {', '.join(owners)}"
                )


def sql_in_python(source: Source) -> Iterator[Fault]:
    if not source.stands_in("runtime"):
        return
    for node, text in strings(source.tree):
        if SQL.search(text):
            yield Fault(source.path, node.lineno, text.strip()[:30], "SQL lives in store/sql")


def strings(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Every text that is a value; an f-string counts as one text with `x` where it is filled in."""
    prose = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                node,
                "".join(str(each.value) if isinstance(each, ast.Constant) else "x" for each in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node, node.value


def docstrings(tree: ast.Module) -> set[int]:
    """The identities of strings that stand alone as statements: documentation, not values."""
    alone = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    return {id(value) for value in alone if isinstance(value, ast.Constant)}


def broad_excepts(source: Source) -> Iterator[Fault]:
    """Handlers that catch everything, neither re-raise nor carry a mark; the number of marks has its own test."""
    for handler in swallowing_handlers(source):
        if not is_marked(source, handler):
            yield Fault(source.path, handler.lineno, "except", "catches everything and swallows it")


def marked_excepts(source: Source) -> list[int]:
    return [each.lineno for each in swallowing_handlers(source) if is_marked(source, each)]


def swallowing_handlers(source: Source) -> Iterator[ast.ExceptHandler]:
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler) and is_broad(node.type) and not ends_in_raise(node.body):
            yield node


def is_broad(caught: ast.expr | None) -> bool:
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(kind is None or dotted_name(kind) in BROAD for kind in kinds)


def ends_in_raise(body: list[ast.stmt]) -> bool:
    return isinstance(body[-1], ast.Raise)


def is_marked(source: Source, handler: ast.ExceptHandler) -> bool:
    return bool(MARKED.search(source.text.splitlines()[handler.lineno - 1]))


def modules_without_words(source: Source) -> Iterator[Fault]:
    if source.text.strip() and not ast.get_docstring(source.tree):
        yield Fault(source.path, 1, "module", "does not say what it owns, may touch and promises")


def unfinished_work(source: Source) -> Iterator[Fault]:
    for number, line in enumerate(source.text.splitlines(), start=1):
        if UNFINISHED.search(line):
            yield Fault(source.path, number, line.strip()[:40], "is an issue, not a comment")


def naked_sleeps(source: Source) -> Iterator[Fault]:
    """A test may sleep between two looks of a bounded poll, that is in a loop; never once, hoping."""
    if not source.stands_in("tests"):
        return
    loops = [node for node in source.nodes if isinstance(node, ast.While | ast.For)]
    patient = {id(node) for loop in loops for node in ast.walk(loop)}
    for call in source.calls():
        if dotted_name(call.func) in ("time.sleep", "sleep") and id(call) not in patient:
            yield Fault(source.path, call.lineno, "sleep", "wait for a row, a port or a signal instead")


def mocks(source: Source) -> Iterator[Fault]:
    for node in source.nodes:
        for module in imported_modules(node):
            if module.startswith(("unittest.mock", "mock", "pytest_mock")):
                yield Fault(source.path, getattr(node, "lineno", 1), module, "use the real part")
