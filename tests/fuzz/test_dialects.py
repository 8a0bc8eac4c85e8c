"""Every dialect's parser with any JSON and any bytes: each request is answered, none with a fault of ours, each event accounted for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import RunningSystem, call, wait_until

SEGMENT = "event type name properties traits context userId anonymousId messageId timestamp sentAt products"
CANONICAL = "event_id event_type timestamp user_id session_id source properties metadata"
REST = "userId productId sessionId orderId items total currency action quantity query price"
SHAPES = {
    "/v1/events": ('{"events": [%s]}', CANONICAL),
    "/v1/batch": ('{"batch": [%s]}', SEGMENT),
    **{f"/v1/{kind}": ("%s", SEGMENT) for kind in ("track", "page", "screen", "identify", "group", "alias")},
    "/topics/shop": ('{"records": [{"value": %s}]}', CANONICAL),
    "/com.snowplowanalytics.snowplow/tp2": (
        '{"schema": "s", "data": [%s]}',
        "e eid tv p url ue_px ue_pr co uid duid dtm tr_id ti_pr se_ca",
    ),
    "/mp/collect": ('{"client_id": "c", "events": [%s]}', "name params timestamp_micros"),
    **{f"/api/events/{kind}": ("%s", REST) for kind in ("product-view", "purchase", "cart", "search")},
}
"""Path → what surrounds an event there, and the names that mean something in it."""
PATHS = tuple(SHAPES)
NAMES = st.sampled_from(
    ["type", "event", "items", "item_id", "value", "key", "id", "currency", "price", "quantity", "url", "data", "schema", "params", "name"]
)
VALUES = st.sampled_from(
    ["track", "page", "Order Completed", "Product Viewed", "purchase", "product_view", "pv", "ue", "tr", "EUR", "2026-01-01T00:00:00Z",
     "1e5", "-0.01", "u", "", "\x00", "9" * 400, "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4", "eyJhIjogMX0",
     "view_item"]
)  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    VALUES,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
ANY = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=14)


def bodies(path: str) -> st.SearchStrategy[bytes]:
    """Bytes, any JSON, and above all events whose fields are there and hold anything."""
    around, names = SHAPES[path]
    likely = st.dictionaries(st.sampled_from(names.split()), ANY, min_size=1, max_size=6)
    wrapped, bare = likely.map(lambda made: (around % json.dumps(made)).encode()), ANY.map(lambda made: json.dumps(made).encode())
    return st.one_of(wrapped, wrapped, bare, st.binary(max_size=200))


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_body_is_answered_without_a_fault_of_ours(shared_system: RunningSystem, path: str, data: st.DataObject) -> None:
    body = data.draw(bodies(path))
    told = call("POST", shared_system.door + path, body)
    assert told.status < 500, (body, told)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=st.dictionaries(NAMES, st.one_of(VALUES, st.text(max_size=10)), max_size=6))
def test_any_pixel_is_answered_without_a_fault_of_ours(shared_system: RunningSystem, query: dict[str, Any]) -> None:
    from urllib.parse import urlencode

    told = call("GET", f"{shared_system.door}/i?{urlencode(query, errors='surrogatepass')}")
    assert told.status < 500, (query, told)


def test_all_that_came_before_is_accounted_for(shared_system: RunningSystem) -> None:
    """Runs after the others: whatever they sent is stored, a duplicate or a dead letter."""
    for path in PATHS:
        assert call("POST", shared_system.door + path, b"[{}]").status < 500

    def quiet() -> bool:
        return bool(call("GET", f"{shared_system.api}/api/ledger").json()["in_flight"] == 0)

    wait_until(quiet, what="nothing in flight")
    assert call("GET", f"{shared_system.api}/api/ledger").json()["balanced"]
    seen = shared_system.command("verify")
    assert seen.returncode == 0, seen.stdout + seen.stderr
