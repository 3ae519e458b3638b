"""`python -m bench.synthesis`: how long the templates of a stage take from a cold start, and where the time goes.

Each figure is of a process of its own, which ends; the parts are told by the last one. It writes a temporary folder.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.rounds import typical

ROOT = Path(__file__).resolve().parents[1]
SECONDS_MAX = 10
PARTS = """
import json, sys, time
started = time.perf_counter()
import app
loaded = time.perf_counter()
root = app.open_app(outdir=sys.argv[1], context={"stage": sys.argv[2]})
app.build(root)
built = time.perf_counter()
root.synth()
print(json.dumps([loaded - started, built - loaded, time.perf_counter() - built]))
"""


def run(stage: str, program: str = PARTS) -> tuple[float, list[float]]:
    """Seconds of the whole process, and those of its parts."""
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        started = time.perf_counter()
        command = ["env", "CDK_VALIDATION=false", sys.executable, "-c", program, folder, stage]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return time.perf_counter() - started, json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.synthesis", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    for stage in ("dev", "prod"):
        told = [run(stage) for _ in range(rounds)]
        seconds = [whole for whole, _ in told]
        load, build, write = told[-1][1]
        verdict = "reached" if max(seconds) <= SECONDS_MAX else "MISSED"
        print(
            f"synthesis of {stage}: {typical(seconds):.1f} s ({max(seconds):.1f} at most) of {SECONDS_MAX}, {verdict}; "
            f"loading CDK and starting Node {load:.1f}, building the constructs {build:.1f}, writing {write:.1f}"
        )


if __name__ == "__main__":
    main()
