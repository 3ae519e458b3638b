"""The library that draws the charts: TradingView's Lightweight Charts, from the package that ships it.

Only its JavaScript is served. The package's Python, which wants pandas, is neither imported nor needed.
"""

from functools import cache
from importlib import metadata

from runtime import errors

PACKAGE = "lightweight-charts"
_FILE = "lightweight_charts/js/lightweight-charts.js"


@cache
def library() -> bytes:
    try:
        place = metadata.distribution(PACKAGE).locate_file(_FILE)
        with open(str(place), "rb") as file:
            return file.read()
    except (metadata.PackageNotFoundError, FileNotFoundError):
        raise errors.NotFound(noun="library of charts", key=PACKAGE) from None
