"""How much a sender may send: a token bucket for each key or address."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from typing import Final

BUCKETS_LIMIT: Final = 100_000
"""Senders remembered, 20 MB; the one silent for longest is forgotten first, and its bucket was full by then."""
BURST_SECONDS: Final = 10.0
"""A sender may save up this long of its rate: a phone that was offline sends an hour in one go."""


class Limits:
    """Token buckets: each holds `BURST_SECONDS` of the rate and fills at the rate."""

    def __init__(self, per_second: float) -> None:
        """`per_second` of 0 is no limit."""
        self.per_second = per_second
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spent_seconds(self, sender: str, now: float | None = None) -> int:
        """0 where the sender may send at least one event, else the whole seconds until then. Takes nothing: to be asked before reading."""
        bucket = self._buckets.get(sender)
        if bucket is None:
            return 0
        now = time.monotonic() if now is None else now
        tokens = bucket[0] + (now - bucket[1]) * self.per_second
        return 0 if tokens >= min(1.0, self.per_second * BURST_SECONDS) else max(1, math.ceil((1 - tokens) / self.per_second))

    def wait_seconds(self, sender: str, amount: int, now: float | None = None) -> int:
        """Take `amount` from the sender's bucket. 0 where it may go on, else the whole seconds after which it may try again.

        An amount larger than a full bucket passes when that is full, and empties it below zero: a large batch is slowed, not shut out.
        """
        if self.per_second <= 0:
            return 0
        now = time.monotonic() if now is None else now
        full = self.per_second * BURST_SECONDS
        tokens, since = self._buckets.pop(sender, (full, now))
        tokens = min(full, tokens + (now - since) * self.per_second)
        needed = min(amount, full)
        allowed = tokens >= needed
        self._buckets[sender] = (tokens - amount if allowed else tokens, now)
        if len(self._buckets) > BUCKETS_LIMIT:
            self._buckets.popitem(last=False)
        return 0 if allowed else max(1, math.ceil((needed - tokens) / self.per_second))
