"""How much one caller may ask: a bucket of requests that fills again. It keeps a bounded number of callers in mind."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from runtime import errors

CALLERS_MAX = 10_000


@dataclass(slots=True)
class _Bucket:
    left: float
    at_monotonic: float


class Rates:
    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._burst = per_second * 2
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str, now_monotonic: float) -> None:
        with self._lock:
            bucket = self._buckets.pop(caller, None) or _Bucket(self._burst, now_monotonic)
            self._buckets[caller] = bucket
            if len(self._buckets) > CALLERS_MAX:
                self._buckets.popitem(last=False)
            refilled = bucket.left + (now_monotonic - bucket.at_monotonic) * self._per_second
            bucket.left, bucket.at_monotonic = min(self._burst, refilled), now_monotonic
            if bucket.left < 1:
                raise errors.TooManyRequests(limit=self._per_second, seconds=1)
            bucket.left -= 1
