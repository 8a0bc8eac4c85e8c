"""When work may be done whose cost is known only afterwards."""

from __future__ import annotations

from typing import Final

SAVED_SECONDS: Final = 5.0
"""Of so much time the share is saved up while nothing is done."""


class Budget:
    """A share of the time. What is done seldom is done at once, even if it took long once; what is done always keeps to the share."""

    def __init__(self, share: float) -> None:
        self._share, self._paid_until = share, 0.0

    def is_free(self, now: float) -> bool:
        """Whether work may begin at this time, in seconds of `time.monotonic`."""
        return now >= self._paid_until

    def spend(self, seconds: float, now: float) -> None:
        """Pay for work that took so many seconds, more than is there if need be."""
        self._paid_until = max(self._paid_until, now - SAVED_SECONDS) + seconds / self._share
