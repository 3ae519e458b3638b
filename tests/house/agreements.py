"""What two places of the repository must say alike: settings and their page, exit codes, errors, verbs, lock files.

Every function is pure: it takes texts and gives back sentences about what does not agree. The tests feed it the
real files and small false ones.
"""

import inspect
import re
import string
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from tests.house.sources import Source, dotted_name, imported_modules

SETTING = re.compile(r"\b(?:HOLDFAST_[A-Z0-9_]+|DATABASE_URL)\b")
EXIT_CODE_ROW = re.compile(r"^\|\s*(\d+)\s*\|(.*)$", re.MULTILINE)
CODES_OF_ANY_PROGRAM = frozenset((0, 1, 2))
VERB = re.compile(r"^([a-z][a-z-]*):(?!=)(.*)$", re.MULTILINE)
VERB_CALLED = re.compile(r"(?:^|`|\$ )make ([a-z]+)\b", re.MULTILINE)
DECISION = re.compile(r"(\d{4})-[a-z0-9]+(-[a-z0-9]+)*\.md")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")


def settings_and_page(names: Iterable[str], page: str) -> list[str]:
    known, told = set(names), set(SETTING.findall(page))
    missing = [f"{name} is not in docs/configuration.md" for name in sorted(known - told)]
    return missing + [f"{name} is in docs/configuration.md and no setting" for name in sorted(told - known)]


def exit_codes_and_page(codes: Mapping[str, int], page: str) -> list[str]:
    """Each class that has an exit code of its own is named in that code's row, and no row is left over."""
    rows = {int(code): row for code, row in EXIT_CODE_ROW.findall(page)}
    faults = [
        f"docs/configuration.md does not name {name} in the row of exit code {code}"
        for name, code in sorted(codes.items())
        if code not in CODES_OF_ANY_PROGRAM and not re.search(rf"\b{name}\b", rows.get(code, ""))
    ]
    strays = sorted(set(rows) - set(codes.values()) - CODES_OF_ANY_PROGRAM)
    silent = sorted(CODES_OF_ANY_PROGRAM - set(rows))
    return [
        *faults,
        *(f"exit code {code} is documented and never used" for code in strays),
        *(f"exit code {code} has no row" for code in silent),
    ]


def verbs_with_words(makefile: str) -> dict[str, str]:
    """The verbs of a Makefile with the line that `make` prints for each; empty where there is none."""
    found = VERB.findall(makefile)
    return {verb: rest.partition("##")[2].strip() for verb, rest in found}


def verbs_called(text: str) -> set[str]:
    return set(VERB_CALLED.findall(text))


def facts_of(error: type[Exception]) -> set[str]:
    """The names in braces in an error's sentence."""
    fields = string.Formatter().parse(inspect.cleandoc(error.__doc__ or ""))
    return {re.split(r"[.\[]", name)[0] for _, name, _, _ in fields if name}


def errors_raised(source: Source, tree: Mapping[str, type[Exception]]) -> Iterator[tuple[int, str, set[str]]]:
    """Line, class and keywords of every call of an error class; calls with ** cannot be read and are left out."""
    local = names_of_errors(source, tree)
    for call in source.calls():
        name = local.get(dotted_name(call.func))
        given = {each.arg for each in call.keywords}
        if name and None not in given:
            yield call.lineno, name, {str(each) for each in given}


def names_of_errors(source: Source, tree: Mapping[str, type[Exception]]) -> dict[str, str]:
    """How this file may call each class: `errors.X`, or `X` where it imports the name."""
    imported = {module for node in source.nodes for module in imported_modules(node)}
    bare = {name: name for name in tree if f"runtime.errors.{name}" in imported}
    return bare | {f"errors.{name}": name for name in tree}


def facts_given(source: Source, tree: Mapping[str, type[Exception]]) -> list[str]:
    return [
        f"{source.path}:{line}: {name} is given {sorted(given)}, its sentence has {sorted(facts_of(tree[name]))}"
        for line, name, given in errors_raised(source, tree)
        if given != facts_of(tree[name])
    ]


def numbering(names: Iterable[str]) -> list[str]:
    """What is wrong with the names of the decision records: a shape, a gap, a number taken twice."""
    faults, numbers = [], []
    for name in sorted(names):
        shape = DECISION.fullmatch(name)
        if shape is None:
            faults.append(f"{name} is not NNNN-words-in-lower-case.md")
        else:
            numbers.append(int(shape[1]))
    expected = list(range(1, len(numbers) + 1))
    return faults if numbers == expected else [*faults, f"the numbers {numbers} are not {expected}"]


def broken_links(page: str, text: str, exists: Iterable[str]) -> list[str]:
    """Links of a Markdown page to files that are not there; addresses on the web are not looked at."""
    known, folder = set(exists), PurePosixPath(page).parent
    targets = [
        target for target in LINK.findall(text) if "://" not in target and not target.startswith("mailto:")
    ]
    return [f"{page} links to {each}" for each in targets if resolve(folder / each) not in known]


def resolve(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts = parts[:-1]
        else:
            parts.append(part)
    return "/".join(parts)


def lock_faults(project: str, runtime: str, test: str) -> list[str]:
    """Both locks pin and hash everything, name no place, hold what the project asks for, and agree with each other."""
    asked = tomllib.loads(project)
    wanted_runtime = distribution_names(asked["project"]["dependencies"])
    wanted_test = wanted_runtime | distribution_names(asked["dependency-groups"]["test"])
    pins_runtime, pins_test = pins(runtime), pins(test)
    faults = [f"runtime.txt lacks {name}" for name in sorted(wanted_runtime - set(pins_runtime))]
    faults += [f"test.txt lacks {name}" for name in sorted(wanted_test - set(pins_test))]
    differing = [name for name, version in pins_runtime.items() if pins_test.get(name) != version]
    faults += [f"{name} is not the same in both locks" for name in sorted(differing)]
    return faults + [fault for text in (runtime, test) for fault in unsafe_lines(text)]


def distribution_names(requirements: Iterable[str]) -> set[str]:
    names = (REQUIREMENT.match(each) for each in requirements)
    return {normal(name[0]) for name in names if name}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, set[str]]:
    """The versions of each package: more than one where a platform needs its own."""
    versions: dict[str, set[str]] = {}
    for name, version in PINNED.findall(lock):
        versions.setdefault(normal(name), set()).add(version)
    return versions


def unsafe_lines(lock: str) -> list[str]:
    faults = [
        f"names a place: {line}" for line in lock.splitlines() if "://" in line or re.match(r"\S+ @|-", line)
    ]
    blocks = re.split(r"\n(?=\S)", lock.strip())
    return faults + [f"has no hash: {each.split()[0]}" for each in blocks if "--hash=sha256:" not in each]
