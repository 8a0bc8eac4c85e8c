"""What a running simulation says about itself: a line each hundred events."""

from __future__ import annotations

import time
from typing import TextIO

EVERY = 100
QUIET_SECONDS = 0.25
"""At high rates there are no more than four lines a second: nobody reads faster."""
FAST = 1_000
"""Events a second above which that holds."""
SMALL = 5_000
"""Events of a run up to which each hundred has its line all the same, however fast they are."""


class Progress:
    """Counts what was sent and prints its lines."""

    def __init__(self, stderr: TextIO, target: float | None) -> None:
        self._stderr, self._target = stderr, target
        self._began = self._last_time = time.monotonic()
        self._last_total = self._told = 0
        self.total = 0

    def sent(self, count: int, errors: int, burst: float) -> None:
        """Count events, and print a line for each hundred that is now full; `burst` is the rate's multiplier at this moment."""
        before, self.total = self.total, self.total + count
        crossed = range(before // EVERY + 1, self.total // EVERY + 1)
        now = time.monotonic()
        actual = (self.total - self._last_total) / max(now - self._last_time, 1e-6)
        fast = self.total > SMALL and (self._target is None or max(actual, self._target * burst) > FAST)
        if not crossed or (fast and now - self._last_time < QUIET_SECONDS):
            return
        for hundreds in crossed[-1:] if fast else crossed:
            self._print(hundreds * EVERY, actual, errors, burst)
        self._last_time, self._last_total = now, self.total

    def ended(self, errors: int) -> None:
        """Print the last line: all events, and the rate over the whole run."""
        self._print(self.total, self.total / max(time.monotonic() - self._began, 1e-6), errors, 1.0, "simulated")

    def _print(self, total: int, actual: float, errors: int, burst: float, verb: str = "progress") -> None:
        target = "max" if self._target is None else f"{self._target * burst:,.1f}/s"
        state = f"on (×{burst:g})" if burst != 1 else "off"
        print(
            f"{verb}: {total:,} events, target {target}, actual {actual:,.1f}/s, errors {errors}, burst {state}",
            file=self._stderr,
            flush=True,
        )
