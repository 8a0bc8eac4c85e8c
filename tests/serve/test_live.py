"""The live stream, read from a socket."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPResponse
from typing import Any

import pytest
from tests.analyze.stocked import event, purchase
from tests.serve.conftest import Served

from ecompulse.serve.live import LISTENERS_MAX, RENEW_SECONDS, SITES_MAX, WAITING_MAX, Listener
from ecompulse.serve.moment import Moment

Message = tuple[str, Any]


@contextmanager
def listening(served: Served, path: str = "/api/live") -> Iterator[HTTPResponse]:
    connection = served.connect()
    connection.request("GET", path)
    answer = connection.getresponse()
    try:
        yield answer
    finally:
        answer.close()
        connection.close()


def messages(stream: HTTPResponse) -> Iterator[Message]:
    name = ""
    while line := stream.readline():
        kind, _, content = line.decode().strip().partition(": ")
        if kind == "event":
            name = content
        elif kind == "data":
            yield name, json.loads(content)


def until(stream: HTTPResponse, wanted: str) -> Any:
    return next(content for name, content in messages(stream) if name == wanted)


def test_a_stream_begins_with_everything_that_a_page_shows(served: Served) -> None:
    served.stocked.add([event("page_view", datetime.now(UTC) - timedelta(seconds=5), "a", page_path="/")])
    with listening(served) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        assert stream.readline() == b"retry: 1000\n"
        told = messages(stream)
        first = dict(next(told) for _ in range(4))
    assert set(first) == {"figures", "ledger", "health", "events"}
    assert first["figures"]["active_visitors_5m"] == 1
    assert (first["ledger"]["received"], first["ledger"]["sites"]["default"]["stored"]) == (1, 1)
    assert first["health"]["status"] == "ok"
    assert [(one["event_type"], one["page_path"]) for one in first["events"]] == [("page_view", "/")]


def test_what_arrives_is_told_at_once_and_only_once(served: Served) -> None:
    with listening(served) as stream:
        until(stream, "health")
        served.stocked.add([event("search", datetime.now(UTC), "a", query="mug")])
        began = time.monotonic()
        (told,) = until(stream, "events")
        assert told["query"] == "mug"
        assert time.monotonic() - began < RENEW_SECONDS, "sooner than figures are renewed anyway"
        served.stocked.add([event("search", datetime.now(UTC), "b", query="hat")])
        assert [one["query"] for one in until(stream, "events")] == ["hat"]


def test_nothing_is_computed_while_nothing_changes_but_figures_are_repeated(served: Served) -> None:
    with listening(served) as stream:
        until(stream, "health")
        before = served.stocked.snapshots
        figures = until(stream, "figures")
        assert served.stocked.snapshots == before, "a repeat asks nothing of the store"
        assert figures["lag_seconds"] >= 0


def test_one_computation_serves_all_who_look(served: Served) -> None:
    with listening(served) as first, listening(served) as second, listening(served) as third:
        for stream in (first, second, third):
            until(stream, "health")
        before = served.stocked.snapshots
        served.stocked.add([event("search", datetime.now(UTC), "a")])
        for stream in (first, second, third):
            until(stream, "events")
        assert served.stocked.snapshots - before <= 3, "one for the figures, one for the events, and a tick that may follow"


def test_a_stream_of_a_site_tells_only_of_that_site(served: Served) -> None:
    served.stocked.add([event("page_view", datetime.now(UTC), "a", site="other")])
    with listening(served, "/api/live?site=default") as mine, listening(served, "/api/live?site=other") as theirs:
        assert until(mine, "figures")["active_visitors_5m"] == 0
        assert until(theirs, "figures")["active_visitors_5m"] == 1


def test_nobody_looking_costs_nothing(served: Served) -> None:
    with listening(served) as stream:
        until(stream, "health")
    live = served.app.state.api.live
    deadline = time.monotonic() + 5
    while live.streams or not live._task.done():
        assert time.monotonic() < deadline, "the stream was not given up"
        threading.Event().wait(0.02)
    with listening(served) as stream:
        assert until(stream, "figures"), "and it begins again for the next one"


def test_more_streams_than_are_kept_are_refused(served: Served) -> None:
    live = served.app.state.api.live
    open_streams = [served.connect() for _ in range(SITES_MAX)]
    for number, connection in enumerate(open_streams):
        connection.request("GET", f"/api/live?site=s{number}")
        assert connection.getresponse().status == 200
    assert served.get("/api/live", site="one-more").status == 503
    assert live.streams <= LISTENERS_MAX
    for connection in open_streams:
        connection.close()


def test_a_computation_that_fails_is_made_again(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, failures = served.stocked.snapshot, iter([True, False])

    def failing(timeout_seconds: float) -> Any:
        if next(failures, False):
            raise RuntimeError("the disk is gone")
        return ask(timeout_seconds)

    monkeypatch.setattr(served.stocked, "snapshot", failing)
    with listening(served) as stream:
        assert until(stream, "figures")["orders"] == 0


def test_what_takes_longer_to_count_holds_nothing_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    count, may = Moment.count, threading.Event()

    def slow(moment: Moment) -> float:
        may.wait(20)
        return count(moment)

    monkeypatch.setattr(Moment, "count", slow)
    with listening(served) as stream:
        told = (content for name, content in messages(stream) if name == "figures")
        first = next(told)
        assert (first["orders"], first["active_visitors_5m"], first["counted_as_of"], first["top_pages"]) == (0, None, None, [])
        served.stocked.add([purchase(datetime.now(UTC), "a", ("P-1", 1, "10.00"))])
        bought = next(figures for figures in told if figures["orders"])
        assert (bought["revenue"], bought["active_visitors_5m"], bought["conversion_rate"]) == ("10.00", None, None)
        may.set()
        counted = next(figures for figures in told if figures["active_visitors_5m"])
        assert (counted["conversion_rate"], counted["orders"]) == (1.0, 1)
        assert counted["counted_as_of"] <= counted["as_of"]


def test_a_slow_reader_misses_the_oldest_and_holds_nothing_up() -> None:
    listener = Listener()
    for number in range(WAITING_MAX * 3):
        listener.tell(("figures", b"%d" % number))
    assert listener._waiting[0] == b"%d" % (WAITING_MAX * 2)
    assert len(listener._waiting) == WAITING_MAX
