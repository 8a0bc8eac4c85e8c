"""Every dialect's parser with any JSON and any bytes: each request is answered, none with a fault of ours, each event accounted for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import RunningSystem, call, wait_until

PATHS = (
    "/v1/events", "/v1/track", "/v1/page", "/v1/screen", "/v1/identify", "/v1/group", "/v1/alias", "/v1/batch", "/topics/shop",
    "/com.snowplowanalytics.snowplow/tp2", "/mp/collect", "/api/events/product-view", "/api/events/purchase", "/api/events/cart",
    "/api/events/search",
)  # fmt: skip
NAMES = st.sampled_from(
    [
        "type",
        "event",
        "events",
        "batch",
        "records",
        "value",
        "key",
        "data",
        "schema",
        "e",
        "eid",
        "tv",
        "p",
        "url",
        "ue_px",
        "co",
        "client_id",
        "name",
        "params",
        "items",
        "item_id",
        "user_id",
        "userId",
        "anonymousId",
        "messageId",
        "timestamp",
        "sentAt",
        "sent_at",
        "properties",
        "context",
        "traits",
        "products",
        "product_id",
        "price",
        "currency",
        "quantity",
        "total",
        "order_id",
        "revenue",
        "event_id",
        "event_type",
        "metadata",
        "source",
        "specversion",
        "id",
        "time",
        "action",
        "query",
        "previousId",
        "groupId",
        "integrations",
    ]
)
VALUES = st.sampled_from(
    ["track", "page", "Order Completed", "Product Viewed", "purchase", "product_view", "pv", "ue", "tr", "EUR", "2026-01-01T00:00:00Z", "1e5",
     "-0.01", "u", "", "\x00", "9" * 400, "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4", "eyJhIjogMX0", "view_item"]
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
BODIES = st.one_of(ANY.map(lambda value: json.dumps(value).encode()), st.binary(max_size=200))


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=BODIES)
def test_any_body_is_answered_without_a_fault_of_ours(shared_system: RunningSystem, path: str, body: bytes) -> None:
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
