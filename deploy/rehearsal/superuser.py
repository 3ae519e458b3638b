"""Looks into the databases past every door, as the superuser that only their own machine has."""

import subprocess

from deploy.rehearsal.simulation import Simulation

# No start-up file, no headings, tabs between columns, and an error is one.
BARE = ("-X", "-q", "-t", "-A", "-F", "\t", "-v", "ON_ERROR_STOP=1")


def ask(simulation: Simulation, *words: str, server: int = 1) -> str:
    """What psql says to these words of its own: `-c` and a statement, or `-f` and a file."""
    place = ["-h", str(simulation.folder / "rds" / f"db{server}"), "-U", "rdsadmin", "-d", "holdfast"]
    command = [str(simulation.programs.folder / "psql"), *BARE, *place, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
