"""What the door counts. Answers are counted cheaply as they pass and given to the declared metrics when somebody asks."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prometheus_client import Histogram

from ecompulse.observe import metrics

if TYPE_CHECKING:
    from ecompulse.collect.commit import Outcome


class Meter:
    """Counts of one process; everything runs on the event loop's thread."""

    def __init__(self) -> None:
        self._answered: Counter[tuple[str, int]] = Counter()

    def answered(self, route: str, status: int) -> None:
        """Count an answer by its line in the table of routes."""
        self._answered[route, status] += 1

    def refused(self, seconds: float) -> None:
        """Count how long a refusal took."""
        metrics.REFUSAL_SECONDS.observe(seconds)

    def committed(self, outcome: Outcome) -> None:
        """Count one group, whose answers are about to be written."""
        if outcome.failure is not None:
            metrics.APPEND_FAILURES.inc()
            return
        metrics.APPEND_SECONDS.observe(outcome.append_seconds)
        metrics.APPEND_EVENTS.observe(sum(outcome.counts.values()))
        for (dialect, what), count in outcome.counts.items():
            metrics.RECEIVED.labels(dialect, what).inc(count)
        metrics.BODY_BYTES.inc(sum(ticket.intake.size for ticket in outcome.tickets))
        now_us = time.time_ns() // 1_000
        _observe_all(metrics.REQUEST_SECONDS, [max(0, now_us - ticket.intake.received_at_us) / 1e6 for ticket in outcome.tickets])

    def text(self, connections: int, waiting_events: int) -> bytes:
        """Everything, in Prometheus' text format."""
        gathered, self._answered = self._answered, Counter()
        for (route, status), count in gathered.items():
            metrics.REQUESTS.labels(route, str(status)).inc(count)
        metrics.CONNECTIONS.set(connections)
        metrics.WAITING.set(waiting_events)
        return metrics.text()


def _observe_all(of: Histogram, seconds: Sequence[float]) -> None:
    """Observe many values at once: one by one they cost a microsecond each, as much as reading a small event."""
    for place, count in Counter(bisect_left(metrics.SECONDS, value) for value in seconds).items():
        of._buckets[place].inc(count)  # the library has no public way for many; this is what its `observe` does for one
    of._sum.inc(sum(seconds))
