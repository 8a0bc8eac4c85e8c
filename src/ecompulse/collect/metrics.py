"""What the door counts, and Prometheus' text of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from ecompulse.collect.commit import Committer, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from ecompulse.collect.server import Server

BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)
"""Upper bounds in seconds; an fsync takes 0.3 to 40 ms."""


class Meter:
    """Counts of one process. `committed` runs on the committer's thread; plain additions there, read whole when asked."""

    def __init__(self) -> None:
        self.groups = 0
        self.failures = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.events: Counter[tuple[str, str]] = Counter()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)

    def committed(self, outcome: Outcome) -> None:
        """Count one group."""
        self.groups += 1
        self.seconds += outcome.seconds
        self.buckets[next((place for place, bound in enumerate(BUCKETS) if outcome.seconds <= bound), len(BUCKETS))] += 1
        if outcome.failure is not None:
            self.failures += 1
            return
        self.events["accepted", ""] += outcome.events - outcome.duplicates
        self.events["duplicate", ""] += outcome.duplicates
        for letter in outcome.dead_letters:
            self.events["rejected", letter.dialect] += 1

    def text(self, server: Server, committer: Committer) -> bytes:
        """Everything, in Prometheus' text format."""
        return bytes(generate_latest(_Families(self, server, committer))) + bytes(generate_latest(self._registry))


class _Families(CollectorRegistry):
    def __init__(self, meter: Meter, server: Server, committer: Committer) -> None:
        super().__init__()
        self.register(_Reading(meter, server, committer))


class _Reading(Collector):
    def __init__(self, meter: Meter, server: Server, committer: Committer) -> None:
        self._meter, self._server, self._committer = meter, server, committer

    def collect(self) -> Iterator[Metric]:
        """Make the families out of the present counts."""
        meter, server, committer = self._meter, self._server, self._committer
        requests = CounterMetricFamily("ecompulse_collect_requests", "Requests answered by the collector, by status.", labels=["status"])
        for status, count in sorted(server.answered.items()):
            requests.add_metric([str(status)], count)
        yield requests
        events = CounterMetricFamily("ecompulse_collect_events", "Events received and durably written, by outcome.", labels=["outcome"])
        totals: Counter[str] = Counter({"accepted": 0, "duplicate": 0, "rejected": 0})
        for (outcome, _), count in tuple(meter.events.items()):
            totals[outcome] += count
        for outcome, count in sorted(totals.items()):
            events.add_metric([outcome], count)
        yield events
        running, buckets = 0, []
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), meter.buckets, strict=True):
            running += count
            buckets.append((bound, running))
        yield HistogramMetricFamily(
            "ecompulse_collect_commit_seconds", "Time from taking a group to its durable append, in seconds.", buckets=buckets, sum_value=meter.seconds
        )
        yield CounterMetricFamily("ecompulse_collect_append_failures", "Groups that the log did not take; their senders were told 503.", meter.failures)
        yield GaugeMetricFamily("ecompulse_collect_connections", "Connections open now.", len(server.connections))
        yield GaugeMetricFamily("ecompulse_collect_waiting_events", "Events that wait for their group's commit.", committer.waiting_events)
        yield GaugeMetricFamily("ecompulse_collect_waiting_bytes", "Bytes of bodies that wait for their group's commit.", committer.waiting_bytes)
        yield GaugeMetricFamily("ecompulse_collect_ready", "1 while events can be taken, else 0.", float(committer.ready and not server.draining))
