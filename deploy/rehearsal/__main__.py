"""`python -m deploy.rehearsal`: the whole story, or with --short the slice of it that the tests play."""

import argparse
import sys

from deploy.rehearsal.narrator import Unmet
from deploy.rehearsal.simulation import NotReady
from deploy.rehearsal.story import SHORT, WHOLE, rehearse


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.rehearsal", description=__doc__)
    parser.add_argument("--short", action="store_true", help="five scenes instead of all")
    parser.add_argument("--keep", action="store_true", help="leave the folder with every log behind")
    args = parser.parse_args(argv)
    try:
        rehearse(SHORT if args.short else WHOLE, keep=args.keep)
    except (NotReady, Unmet) as fault:
        print(f"\n{fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
