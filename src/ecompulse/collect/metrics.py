"""What the door counts. Answers are counted cheaply as they pass and given to the declared metrics when somebody asks."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from ecompulse.observe import metrics

if TYPE_CHECKING:
    from ecompulse.collect.commit import Outcome


class Meter:
    """Counts of one process. `answered` and `text` run on the event loop's thread, `committed` on the committer's."""

    def __init__(self) -> None:
        self._answered: Counter[tuple[str, int]] = Counter()

    def answered(self, route: str, status: int) -> None:
        """Count an answer by its line in the table of routes."""
        self._answered[route, status] += 1

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
        for ticket in outcome.tickets:
            metrics.REQUEST_SECONDS.observe(max(0, now_us - ticket.intake.received_at_us) / 1e6)

    def text(self, connections: int, waiting_events: int) -> bytes:
        """Everything, in Prometheus' text format."""
        gathered, self._answered = self._answered, Counter()
        for (route, status), count in gathered.items():
            metrics.REQUESTS.labels(route, str(status)).inc(count)
        metrics.CONNECTIONS.set(connections)
        metrics.WAITING.set(waiting_events)
        return metrics.text()
