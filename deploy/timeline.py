"""What happens while one waits: a line for each event, with the time that has gone by. Text, or a JSON object a line.

Who finds an event tells it here, whether it is of a stack, of ECS, of a stopped task or a line of a container's log.
"""

import json
import sys
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TextIO

from deploy.clock import Clock

SOURCE_WIDTH = 12


@dataclass(slots=True)
class Timeline:
    clock: Clock
    out: TextIO = field(default_factory=lambda: sys.stdout)
    as_json: bool = False
    started_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.started_at = self.clock.now()

    def tell(self, source: str, sentence: str, *, at: datetime | None = None, **facts: Any) -> None:
        """`at` is when it happened, if that was earlier than it was seen."""
        now = self.clock.now()
        elapsed = (now - self.started_at).total_seconds()
        if self.as_json:
            told = {"at": (at or now).isoformat(timespec="seconds"), "elapsed_seconds": round(elapsed, 1)}
            line = json.dumps({**told, "source": source, "says": sentence, **facts}, default=str)
        else:
            minutes, seconds = divmod(int(elapsed), 60)
            line = f"{minutes:>4}:{seconds:02}  {source:<{SOURCE_WIDTH}}  {sentence}"
        print(line, file=self.out, flush=True)
