"""`python -m deploy.rehearsal`: the whole story, or with --short the slice of it that the tests play."""

import argparse
import sys

from deploy.rehearsal.narrator import Unmet
from deploy.rehearsal.simulation import NotReady
from deploy.rehearsal.story import SHORT, WHOLE, rehearse


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.rehearsal", description=__doc__)
    parser.add_argument("--short", action="store_true", help="six scenes instead of all")
    parser.add_argument("--keep", action="store_true", help="leave the folder with every log behind")
    parser.add_argument(
        "--scenes", default="", metavar="6,7", help="only these after the first; for whoever mends one"
    )
    args = parser.parse_args(argv)
    scenes = SHORT if args.short else WHOLE
    if args.scenes:
        wanted = {1, *map(int, args.scenes.split(","))}
        scenes = {title: each for number, (title, each) in enumerate(scenes.items(), 1) if number in wanted}
    try:
        rehearse(scenes, keep=args.keep)
    except (NotReady, Unmet) as fault:
        print(f"\n{fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
