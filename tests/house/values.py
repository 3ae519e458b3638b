"""Rules about values: no float near money, no datetime without a zone, no clock or chance where decisions are made."""

import ast
import re
from collections.abc import Iterator

from tests.house.sources import FUNCTIONS, Fault, Source, dotted_name, imported_modules

MONEY_ROOMS = ("runtime/domain", "runtime/store", "runtime/strategies", "runtime/exchanges", "runtime/engine")
PURE_ROOMS = ("runtime/domain", "runtime/strategies")

# What a float may measure there: time and shares of it, never a price, a quantity or a fee.
MEASURES_TIME = re.compile(r"(^|_)(seconds|ms|monotonic|deadline|ratio)(_max|_min|_left)?$")
WAITS = frozenset("sleep wait join settimeout".split())

PURE_IMPORTS = frozenset(
    "__future__ abc base64 bisect collections contextlib dataclasses datetime decimal enum functools hashlib hmac "
    "itertools json math operator re string struct types typing uuid".split()
)
CLOCKS_AND_DICE = frozenset("now utcnow today time monotonic uuid1 uuid4 uuid6 uuid7".split())


def floats_near_money(source: Source) -> Iterator[Fault]:
    if source.stands_in(*MONEY_ROOMS):
        for node in floats(source.tree):
            subject = "float" if isinstance(node, ast.Name) else str(getattr(node, "value", ""))
            yield Fault(source.path, getattr(node, "lineno", 1), subject, "use Decimal, or name it _seconds")


def floats(node: ast.AST) -> Iterator[ast.AST]:
    """Float literals and the name `float`, except where the name beside them says that they measure time."""
    match node:
        case ast.Name(id="float") | ast.Constant(value=float()):
            yield node
        case ast.arguments():
            for name, default in defaults(node):
                yield from () if MEASURES_TIME.search(name) else floats(default)
            for each in (*node.posonlyargs, *node.args, *node.kwonlyargs):
                yield from floats(each)
        case _ if not measures_time(node):
            for child in ast.iter_child_nodes(node):
                yield from floats(child)


def defaults(node: ast.arguments) -> list[tuple[str, ast.expr]]:
    positional = [each.arg for each in (*node.posonlyargs, *node.args)]
    named = zip(positional[len(positional) - len(node.defaults) :], node.defaults, strict=True)
    by_keyword = zip((each.arg for each in node.kwonlyargs), node.kw_defaults, strict=True)
    return [*named, *((name, default) for name, default in by_keyword if default is not None)]


def measures_time(node: ast.AST) -> bool:
    if isinstance(node, FUNCTIONS) and node.returns is not None:
        return bool(MEASURES_TIME.search(node.name))
    if isinstance(node, ast.Call):
        return call_measures_time(node)
    return any(MEASURES_TIME.search(name) for name in names_beside(node))


def call_measures_time(call: ast.Call) -> bool:
    """Asking whether something is a float, waiting, and `float(seconds)`; not what else a call is given."""
    name = dotted_name(call.func)
    if name == "float":
        return any(MEASURES_TIME.search(last_name(each)) for each in call.args)
    return name in ("isinstance", "issubclass") or last_name(call.func) in WAITS


def names_beside(node: ast.AST) -> list[str]:
    """The names which a value in this node is bound to, compared with or added to."""
    match node:
        case ast.arg(arg=name) | ast.keyword(arg=str(name)):
            return [name]
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            return [last_name(target)]
        case ast.Assign(targets=targets):
            return [last_name(target) for target in targets]
        case ast.Compare(left=left, comparators=others):
            return [last_name(each) for each in (left, *others)]
        case ast.BinOp(left=left, right=right):
            return [last_name(left), last_name(right)]
        case _:
            return []


def last_name(node: ast.AST) -> str:
    return dotted_name(node).rpartition(".")[2]


def naive_datetimes(source: Source) -> Iterator[Fault]:
    for call in source.calls():
        name = dotted_name(call.func)
        owner, _, verb = name.rpartition(".")
        if owner.rpartition(".")[2] not in ("datetime", "date", "") or is_aware(call, verb):
            continue
        yield Fault(source.path, call.lineno, name, "gives a datetime without a zone")


def is_aware(call: ast.Call, verb: str) -> bool:
    given = len(call.args) + len(call.keywords)
    match verb:
        case "utcnow" | "utcfromtimestamp":
            return False
        case "now":
            return given > 0
        case "fromtimestamp":
            return given > 1
        case "datetime":
            return len(call.args) > 7 or any(each.arg in ("tzinfo", None) for each in call.keywords)
        case _:
            return True


def impure_rooms(source: Source) -> Iterator[Fault]:
    if not source.stands_in(*PURE_ROOMS):
        return
    for node in source.nodes:
        for module in imported_modules(node):
            ours = module.startswith(("runtime.domain", "runtime.strategies", "runtime.errors"))
            if not ours and module.partition(".")[0] not in PURE_IMPORTS:
                yield Fault(source.path, getattr(node, "lineno", 1), module, "reaches outside a pure room")
    for call in source.calls():
        if dotted_name(call.func).rpartition(".")[2] in CLOCKS_AND_DICE:
            yield Fault(
                source.path,
                call.lineno,
                dotted_name(call.func),
                "asks a clock or throws dice: take it as an argument",
            )
