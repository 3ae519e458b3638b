"""Which tests one worker runs one after the other: those of a file, and those of a folder that share something dear.

What a module or a session makes once (a server, a browser's installation, a simulated AWS) is then made by one worker
and not by each.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Folders whose files share a simulated AWS, or templates that take a while to synthesise.
FOLDERS = ("tests/rehearsal/", "tests/stacks/")


class Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        # As they are collected: by the number of tests, one long story would be begun last.
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        folder = next((each for each in FOLDERS if nodeid.startswith(each)), "")
        return folder or nodeid.partition("::")[0]
