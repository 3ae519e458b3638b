"""The program of the tests' image: it does what its arguments say, and tells what it was given."""

import json
import os
import signal
import sys
from typing import NoReturn


def main(words: list[str]) -> None:
    match words:
        case ["exit", code]:
            print("told to end")
            sys.exit(int(code))
        case ["tell", *names]:
            print(json.dumps({name: os.environ.get(name) for name in names}))
        case ["serve"]:
            signal.signal(signal.SIGTERM, _say_goodbye)
            print("serving")
            _wait_for_ever()
        case ["serve-deaf"]:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print("serving")
            _wait_for_ever()
        case ["break-after-start"]:
            print("starts well and dies")
            sys.exit(3)
        case _:
            sys.exit(64)


def _say_goodbye(*_: object) -> NoReturn:
    print("goodbye")
    sys.exit(0)


def _wait_for_ever() -> None:
    while True:
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
