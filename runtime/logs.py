"""One line of JSON for everything worth knowing, on standard output.

Facts are passed as facts, never pasted into the text; a Secret prints as stars. Loggers of libraries are heard from
warnings upwards only, because some print headers and addresses.
"""

import json
import logging
import sys
from datetime import UTC, datetime

_HOUSE = "holdfast"
_log = logging.getLogger(_HOUSE)


class _JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def start(level: str) -> None:
    """Send this process's log to standard output."""
    out = logging.StreamHandler(sys.stdout)
    out.setFormatter(_JsonLine())
    logging.basicConfig(level=logging.WARNING, handlers=[out], force=True)
    _log.setLevel(level.upper())


def debug(event: str, **facts: object) -> None:
    _log.debug(event, extra={"facts": facts})


def info(event: str, **facts: object) -> None:
    _log.info(event, extra={"facts": facts})


def warning(event: str, **facts: object) -> None:
    _log.warning(event, extra={"facts": facts})


def error(event: str, *, traceback: bool = False, **facts: object) -> None:
    _log.error(event, exc_info=traceback, extra={"facts": facts})
