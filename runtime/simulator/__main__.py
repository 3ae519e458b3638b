"""Run the simulator by itself: `python -m runtime.simulator --books DIR`.

Turns an error of ours into one sentence and its exit code.
"""

import argparse
import sys

from runtime import errors
from runtime.simulator import cli


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m runtime.simulator", description="A venue of our own.")
    cli.add_arguments(parser)
    try:
        return cli.run(parser.parse_args())
    except errors.BotError as exc:
        sys.stderr.write(f"{exc}\n")
        return exc.exit_code


if __name__ == "__main__":
    sys.exit(main())
