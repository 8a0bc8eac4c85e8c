"""Every metric, declared once: name, kind, help, unit, labels. What /metrics says and docs/reference/metrics.md are derived from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics, generate_latest

import ecompulse

Kind = Literal["counter", "gauge", "histogram"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

# From well under a small request to the longest time-out; the promised p99 (10 ms, 100 ms, 2 s) are edges, so that they can be read off.
SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
EVENTS: Final = (1.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0, 10_000.0, 50_000.0)
"""Powers of ten and their halves, up to more than a round of the engine takes."""

disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types. Nobody asks for the series that it leaves out

REGISTRY: Final = CollectorRegistry(auto_describe=True)
"""Ours alone, so that a library's own metrics do not appear beside those that are documented."""
ProcessCollector(registry=REGISTRY)  # memory, descriptors, CPU, start time: Linux only


@dataclass(frozen=True, slots=True)
class Metric:
    """One declared metric.

    Attributes:
        role: the process whose /metrics shows it: collect, process, or both.
        name: as Prometheus shows it, its unit last; a counter's ends with _total.
        kind: counter, gauge or histogram.
        unit: seconds, bytes, events, …
        help: one sentence for an operator.
        labels: their names; each has few values (never a user, a session or an address).
    """

    role: str
    name: str
    kind: Kind
    unit: str
    help: str
    labels: tuple[str, ...]


DECLARED: list[Metric] = []
"""All metrics, in the order of an event's way."""


def _declared(metric: Metric) -> str:
    DECLARED.append(metric)
    return metric.name


def counter(role: str, name: str, unit: str, help: str, *labels: str) -> Counter:  # noqa: A002
    """Declare what only grows."""
    return Counter(_declared(Metric(role, name, "counter", unit, help, labels)), help, labels, registry=REGISTRY)


def gauge(role: str, name: str, unit: str, help: str, *labels: str) -> Gauge:  # noqa: A002
    """Declare what rises and falls; `set_function` reads it when Prometheus asks."""
    return Gauge(_declared(Metric(role, name, "gauge", unit, help, labels)), help, labels, registry=REGISTRY)


def histogram(role: str, name: str, unit: str, help: str, *labels: str, buckets: tuple[float, ...] = SECONDS) -> Histogram:  # noqa: A002
    """Declare a distribution, of seconds unless its buckets say otherwise."""
    return Histogram(_declared(Metric(role, name, "histogram", unit, help, labels)), help, labels, registry=REGISTRY, buckets=buckets)


def text() -> bytes:
    """All metrics of this process, in Prometheus' text format."""
    return generate_latest(REGISTRY)


BUILD = gauge("both", "ecompulse_build_info", "1", "Always 1; the version is its label.", "version")
BUILD.labels(ecompulse.__version__).set(1)

# collect: the door
REQUESTS = counter(
    "collect",
    "ecompulse_collect_requests_total",
    "requests",
    "Requests that the collector answered, by route and status.",
    "route",
    "status",
)
REQUEST_SECONDS = histogram(
    "collect", "ecompulse_collect_request_seconds", "seconds", "From the last byte of a request to its answer, the fsync included."
)
REFUSAL_SECONDS = histogram(
    "collect",
    "ecompulse_collect_refusal_seconds",
    "seconds",
    "From the last byte that it takes to refuse a request (429, 503), usually of its head, to the answer.",
)
RECEIVED = counter(
    "collect",
    "ecompulse_collect_events_total",
    "events",
    "Events received and durably written, by dialect and outcome (accepted, duplicate, rejected).",
    "dialect",
    "outcome",
)
BODY_BYTES = counter(
    "collect", "ecompulse_collect_body_bytes_total", "bytes", "Bytes of request bodies as they came, before decompression."
)
CONNECTIONS = gauge("collect", "ecompulse_collect_connections", "connections", "Connections that are open now.")
WAITING = gauge("collect", "ecompulse_collect_waiting_events", "events", "Events that wait for their group's fsync.")

# log: the durable log, as its writer sees it
APPEND_SECONDS = histogram(
    "collect", "ecompulse_log_append_seconds", "seconds", "One append to the log, durable when it ends: a group of requests."
)
APPEND_EVENTS = histogram("collect", "ecompulse_log_append_events", "events", "Events in one append.", buckets=EVENTS)
APPEND_FAILURES = counter(
    "collect", "ecompulse_log_append_failures_total", "appends", "Appends that failed: their requests were answered 503."
)

LOG_BYTES = gauge("process", "ecompulse_log_bytes", "bytes", "Size of the log on disk.")

# process: log to rows
POSITION = gauge(
    "process", "ecompulse_process_position_offset", "events", "Events accounted for by the store, by partition of the log.", "partition"
)
LAG_SECONDS = gauge(
    "process", "ecompulse_process_lag_seconds", "seconds", "How far the store is behind what was received; 0 when it has everything."
)
ROUND_SECONDS = histogram("process", "ecompulse_process_round_seconds", "seconds", "One round of the engine: read, steps, identify, add.")
ROUND_EVENTS = histogram("process", "ecompulse_process_round_events", "events", "Events in one round of the engine.", buckets=EVENTS)

# store: where rows rest
TAIL_ROWS = gauge("process", "ecompulse_store_tail_rows", "rows", "Rows in memory that are not yet in the database; the log has them.")
STORE_BYTES = gauge("process", "ecompulse_store_bytes", "bytes", "Size of the store on disk.")
LETTERS = gauge(
    "process", "ecompulse_store_dead_letters", "letters", "Dead letters that are kept with their bytes, replayed ones included."
)
LETTER_BYTES = gauge("process", "ecompulse_store_dead_letter_bytes", "bytes", "Size of the dead letters that are kept.")
LETTERS_LET_GO = counter(
    "process",
    "ecompulse_store_dead_letters_let_go_total",
    "letters",
    "Dead letters that were let go since the start, by cause (age, size); the ledger still counts them.",
    "cause",
)
ROWS_MERGED = counter(
    "process",
    "ecompulse_store_rows_merged_total",
    "rows",
    "Rows that merging the sums of finished hours has saved since the start, by table (session_parts, minute_totals).",
    "table",
)

# serve: dashboard and API
API_REQUESTS = counter(
    "process", "ecompulse_serve_requests_total", "requests", "Requests that API and dashboard answered, by status.", "status"
)
API_SECONDS = histogram("process", "ecompulse_serve_request_seconds", "seconds", "From a request to the start of its answer.")
LIVE_STREAMS = gauge("process", "ecompulse_serve_live_streams", "streams", "Open live streams: dashboards that are being looked at.")
