"""Rules about size and names: what has grown too large, and what is named so that it has no single job."""

import ast
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import PurePosixPath

from tests.house.sources import FUNCTIONS, Fault, Function, Source

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500
CLASS_LINES_MAX = 300
CLASS_METHODS_MAX = 20
PARAMETERS_MAX = 8
NESTING_MAX = 4

BANNED_MODULES = frozenset(
    "util utils common helper helpers base misc core manager managers stuff lib".split()
)
BANNED_WORDS = frozenset("Manager Service Handler Helper Processor Util Utils Data Info".split())
NESTS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
TEST_NAME = re.compile(r"test_[a-z0-9]+(_[a-z0-9]+)*__[a-z0-9]+(_[a-z0-9]+)*")


def line_count(node: Function | ast.ClassDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def long_functions(source: Source) -> Iterator[Fault]:
    for function in source.functions():
        if line_count(function) > FUNCTION_LINES_MAX:
            what = f"has {line_count(function)} lines, more than {FUNCTION_LINES_MAX}"
            yield Fault(source.path, function.lineno, function.name, what)


def long_files(source: Source) -> Iterator[Fault]:
    lines = len(source.text.splitlines())
    if lines > FILE_LINES_MAX:
        yield Fault(source.path, lines, "file", f"has {lines} lines, more than {FILE_LINES_MAX}")


def large_classes(source: Source) -> Iterator[Fault]:
    for each in source.classes():
        methods = sum(isinstance(node, FUNCTIONS) for node in each.body)
        if methods > CLASS_METHODS_MAX or line_count(each) > CLASS_LINES_MAX:
            what = f"has {methods} methods in {line_count(each)} lines"
            yield Fault(source.path, each.lineno, each.name, what)


def many_parameters(source: Source) -> Iterator[Fault]:
    for function in source.functions():
        parameters = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        count = sum(each.arg not in ("self", "cls") for each in parameters)
        if count > PARAMETERS_MAX:
            yield Fault(source.path, function.lineno, function.name, f"takes {count} parameters")


def deep_nesting(source: Source) -> Iterator[Fault]:
    for function in source.functions():
        depth = nesting(function.body)
        if depth > NESTING_MAX:
            yield Fault(source.path, function.lineno, function.name, f"nests {depth} deep")


def nesting(body: list[ast.stmt]) -> int:
    """How many blocks stand inside one another; an `elif` stands beside its `if`, not inside it."""
    return max((1 + max(map(nesting, blocks(each))) for each in body if isinstance(each, NESTS)), default=0)


def blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    inner = [getattr(statement, field, []) for field in ("body", "orelse", "finalbody")]
    if (
        isinstance(statement, ast.If)
        and len(statement.orelse) == 1
        and isinstance(statement.orelse[0], ast.If)
    ):
        inner = [statement.body, *blocks(statement.orelse[0])]
    arms = chain(getattr(statement, "handlers", []), getattr(statement, "cases", []))
    return [*inner, *(arm.body for arm in arms)]


def words_that_say_nothing(source: Source) -> Iterator[Fault]:
    path = PurePosixPath(source.path)
    for part in (*path.parent.parts, path.stem):
        if part.strip("_") in BANNED_MODULES:
            yield Fault(source.path, 1, part, "is a name for a drawer: name the module after what it owns")
    for each in source.classes():
        found = BANNED_WORDS.intersection(re.findall(r"[A-Z][a-z0-9]*", each.name))
        if found:
            yield Fault(source.path, each.lineno, each.name, f"ends in a word without a job: {min(found)}")


def unspoken_test_names(source: Source) -> Iterator[Fault]:
    if not source.path.startswith("tests/") or not PurePosixPath(source.path).name.startswith("test_"):
        return
    for function in source.functions():
        if function.name.startswith("test_") and not TEST_NAME.fullmatch(function.name):
            yield Fault(source.path, function.lineno, function.name, "is not test_subject__what_is_true")
