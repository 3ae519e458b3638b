"""`python -m runtime.health`: exit code 0 only while the desk of HOLDFAST_ACCOUNT on this machine is healthy.

An entry of its own beside the switchboard, because a container asks every half minute and the switchboard loads every
room first. Healthy: the state is loaded, a tick ended in a commit just now, and the lease still holds.
"""

import os
import sys
from collections.abc import Mapping

from runtime import errors
from runtime.engine import pulse
from runtime.settings import Settings


def main(environ: Mapping[str, str]) -> int:
    try:
        settings = Settings.from_env(environ)
        if settings.account is None:
            raise errors.BadSettings(count=1, faults="HOLDFAST_ACCOUNT must name the account of a desk.")
    except errors.BadSettings as fault:
        print(f"{type(fault).__name__}: {fault}", file=sys.stderr)
        return fault.exit_code
    path = pulse.path_in(settings.pulse_dir, settings.user, settings.account)
    unwell = pulse.fault_of(path, settings.health_seconds)
    print(f"{settings.account}: {unwell or 'healthy'}")
    return errors.NotAllWell.exit_code if unwell else 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
