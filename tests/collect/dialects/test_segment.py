"""Segment's HTTP API, with payloads as its clients send them, and with its own Python client."""

from __future__ import annotations

import base64
import gzip
import json
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from segment.analytics.client import Client

from ecompulse.collect.dialects import segment, segment_names
from ecompulse.collect.dialects.document import Unmapped
from ecompulse.contract.event import EVENT_TYPES
from ecompulse.guard import keys

NOW = "2026-11-21T07:00:00.123Z"
ORDER = {
    "checkout_id": "fksdjfsdjfisjf9sdfjsd9f",
    "order_id": "50314b8e9bcf000000000000",
    "affiliation": "Store",
    "total": 27.50,
    "subtotal": 22.50,
    "revenue": 25.00,
    "shipping": 3,
    "tax": 2,
    "discount": 2.5,
    "coupon": "hasbros",
    "currency": "USD",
    "products": [
        {"product_id": "507f1f77bcf86cd799439011", "sku": "45790-32", "name": "Monopoly", "price": 19, "quantity": 1, "category": "Games"},
        {"product_id": "505bd76785ebb509fc183733", "sku": "46493-32", "name": "Uno", "price": 3, "quantity": 2, "category": "Games"},
    ],
}
"""An Order Completed like the one in the e-commerce spec."""


def track(name, properties=None, **message):
    return {
        "type": "track",
        "event": name,
        "properties": properties or {},
        "userId": "u",
        "messageId": "ajs-1",
        "timestamp": NOW,
        **message,
    }


def sent(ask, message, path="/v1/batch"):
    """Send one message, alone or as a batch; gives its row."""
    answer = ask.post(path, {"batch": [message]} if path == "/v1/batch" else message)
    assert (answer.status, json.loads(answer.body)) == (200, {"success": True})
    return ask.log.rows[-1]


def test_an_order_completed_is_a_purchase_with_its_lines(ask):
    row = sent(ask, track("Order Completed", ORDER))
    assert (row["event_type"], row["order_id"], str(row["total"]), str(row["discount"]), row["currency"]) == (
        "purchase",
        ORDER["order_id"],
        "27.5000",
        "2.5000",
        "USD",
    )
    assert [(i["product_id"], i["product_name"], i["quantity"], str(i["price"])) for i in row["items"]] == [
        ("507f1f77bcf86cd799439011", "Monopoly", 1, "19.0000"),
        ("505bd76785ebb509fc183733", "Uno", 2, "3.0000"),
    ]
    assert json.loads(row["properties"])["affiliation"] == "Store"
    assert json.loads(row["items"][0]["extra"])["sku"] == "45790-32"


def test_an_order_without_a_total_has_the_one_of_its_parts(ask):
    row = sent(ask, track("order completed", {k: v for k, v in ORDER.items() if k != "total"}))
    assert str(row["total"]) == "27.5000"


@pytest.mark.parametrize(
    ("name", "properties", "event_type"),
    [
        ("Product Viewed", {"sku": "G-32", "name": "Monopoly", "price": "18.99", "position": 3}, "product_view"),
        ("Product Added", {"product_id": 7, "quantity": "2"}, "add_to_cart"),
        ("Product Removed", {"product_id": "P"}, "remove_from_cart"),
        ("Products Searched", {"query": "blue roses"}, "search"),
        ("Signed In", {}, "user_login"),
        ("Signed Up", {}, "user_login"),
        ("Level Up", {"level": 3}, "custom"),
        *((name, {"cart_id": "c"}, "custom") for name in segment_names.KEPT_CUSTOM),
    ],
)
def test_e_commerce_names_have_their_types(ask, name, properties, event_type):
    row = sent(ask, track(name, properties))
    assert row["event_type"] == event_type
    assert row["name"] == (name if event_type == "custom" else None)


def test_every_name_of_the_table_leads_to_a_type_of_the_contract():
    assert set(segment_names.TRACKS.values()) <= set(EVENT_TYPES)
    assert not {name.lower() for name in segment_names.KEPT_CUSTOM} & set(segment_names.TRACKS)


def test_a_login_without_a_user_is_kept_as_custom(ask):
    assert sent(ask, {**track("Signed In"), "userId": None, "anonymousId": "a"})["event_type"] == "custom"


def test_the_context_fills_what_every_event_may_carry(ask):
    context = {
        "page": {"url": "https://shop.example/?utm_source=x", "referrer": "https://search.example/", "title": "Home"},
        "userAgent": "Mozilla/5.0",
        "ip": "203.0.113.77",
        "campaign": {"name": "spring", "source": "news", "medium": "email", "term": "t", "content": "c"},
        "library": {"name": "analytics.js", "version": "2.11.1"},
        "locale": "de",
    }
    row = sent(
        ask,
        track(
            "Level Up",
            {"level": 3},
            context=context,
            anonymousId="anon",
            originalTimestamp="2026-11-20T10:00:00+02:00",
            sentAt=NOW,
            integrations={"All": True},
        ),
    )
    assert (row["page_url"], row["referrer"], row["page_title"]) == (
        "https://shop.example/?utm_source=x",
        "https://search.example/",
        "Home",
    )
    assert (row["utm_campaign"], row["utm_source"], row["utm_medium"], row["utm_term"], row["utm_content"]) == (
        "spring",
        "news",
        "email",
        "t",
        "c",
    )
    assert (row["user_agent"], row["ip_address"], row["sdk_version"], row["source"]) == ("Mozilla/5.0", "203.0.113.0", "2.11.1", "web")
    assert (row["user_id"], row["anonymous_id"]) == ("u", "anon")
    assert row["timestamp"].isoformat() == "2026-11-20T08:00:00+00:00"
    metadata = json.loads(row["metadata"])
    assert metadata["context"]["locale"] == "de"
    assert metadata["message"] == {"integrations": {"All": True}}
    assert "203.0.113.77" not in json.dumps(row, default=str)


@pytest.mark.parametrize(
    ("call", "body", "expected"),
    [
        ("page", {"name": "Home", "properties": {"url": "https://shop.example/"}}, ("page_view", "https://shop.example/", None, None)),
        ("page", {"name": "Home"}, ("page_view", None, "Home", None)),
        ("page", {}, ("custom", None, None, "page")),
        ("screen", {"name": "Cart"}, ("page_view", None, "Cart", None)),
        ("identify", {"traits": {"plan": "gold"}}, ("custom", None, None, "identify")),
        ("group", {"groupId": "g"}, ("custom", None, None, "group")),
        ("alias", {"previousId": "p"}, ("custom", None, None, "alias")),
    ],
)
def test_each_call_has_its_address(ask, call, body, expected):
    row = sent(ask, {**body, "userId": "u"}, f"/v1/{call}")
    assert (row["event_type"], row["page_url"], row["screen_name"], row["name"]) == expected


def test_a_retry_has_the_same_id_and_another_site_another(ask):
    rows = [sent(ask, track("Level Up")) for _ in range(2)]
    assert rows[0]["event_id"] == rows[1]["event_id"]
    assert json.loads(rows[0]["properties"])["message_id"] == "ajs-1"
    mine = segment.to_event("track", track("Level Up"), {}, "default")["event_id"]
    assert segment.to_event("track", track("Level Up"), {}, "other")["event_id"] != mine
    given_id = str(uuid.uuid4())
    assert segment.to_event("track", track("x", messageId=given_id), {}, "s")["event_id"] == given_id


def test_names_of_ours_with_other_meanings_do_not_lose_the_event(ask):
    row = sent(ask, track("Level Up", {"price": "cheap", "items": "many", "quantity": 0, "currency": "coins", "name": "me", "total": 5}))
    kept = json.loads(row["properties"])
    assert kept["segment"] == {"price": "cheap", "items": "many", "quantity": 0, "currency": "coins"}
    assert (kept["original_name"], row["name"], str(row["total"])) == ("me", "Level Up", "5.0000")


def test_a_message_that_is_no_event_is_a_dead_letter_and_its_neighbours_are_kept(ask):
    answer = ask.post(
        "/v1/batch", {"batch": [track("A"), {"type": "dance"}, 5, {"type": "track", "userId": "u"}, track("B", messageId="2")]}
    )
    told = json.loads(answer.body)
    assert (answer.status, told["success"]) == (200, True)
    assert [(one["index"], one["field"]) for one in told["rejected"]] == [(1, "type"), (2, ""), (3, "event")]
    assert [row["name"] for row in ask.log.rows] == ["A", "B"]
    assert json.loads(ask.log.letters[0].body) == {"type": "dance"}


def test_packed_and_plain_text_bodies_are_taken(ask):
    body = gzip.compress(json.dumps({"batch": [track("A")], "sentAt": NOW, "writeKey": "w"}).encode())
    assert ask.post("/v1/batch", body, content_encoding="gzip", content_type="text/plain").status == 200
    assert ask.log.rows[0]["sent_at"] is not None


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"{}", b'{"batch": null}', b'{"batch": {}}', b"[" * 100_000, b'{"batch":' + b"[" * 100_000]
)
def test_what_is_no_batch_is_400(ask, body):
    assert ask.post("/v1/batch", body).status == 400


def test_any_key_will_do_until_keys_are_made_and_then_it_names_the_site(ask, tmp_path):
    basic = {"authorization": "Basic " + base64.b64encode(b"anything:").decode()}
    assert ask.post("/v1/track", track("A"), **basic).status == 200
    secret, _ = keys.create(tmp_path, "toys", "write")
    ask.door.keys = keys.Keys(tmp_path)
    assert ask.post("/v1/track", track("A"), **basic).status == 401
    assert ask.post("/v1/track", track("A"), authorization="Basic " + base64.b64encode(f"{secret}:".encode()).decode()).status == 200
    assert ask.post("/v1/track", {**track("A"), "writeKey": secret}).status == 200
    assert [row["site"] for row in ask.log.rows] == ["default", "toys", "toys"]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["type", "event", "userId", "anonymousId", "properties", "context", "traits", "messageId", "timestamp", "name", "sentAt", "channel"]
)
TRACKED = st.sampled_from([*segment_names.TRACKS, "Level Up"])
PROPERTIES = st.dictionaries(
    st.sampled_from(["products", "price", "total", "discount", "quantity", "sku", "name", "query", "url", "currency"]), ANY, max_size=6
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    message=st.dictionaries(NAMES | st.text(max_size=8), ANY, max_size=8),
    call=st.sampled_from(segment.CALLS),
    name=TRACKED,
    properties=PROPERTIES | ANY,
)
def test_whatever_is_sent_is_an_event_or_unmapped(message, call, name, properties):
    try:
        found = segment.to_event(call, {**message, "event": name, "properties": properties}, {}, "default")
    except Unmapped as unmapped:
        assert unmapped.reason  # noqa: PT017 — one of the two right outcomes
    else:
        assert found["event_type"] in EVENT_TYPES


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=TRACKED, properties=PROPERTIES)
def test_whatever_json_is_sent_is_answered_200(ask, name, properties):
    body = (
        json.dumps({"batch": [track(name, properties)]}, default=str).replace("NaN", "1").replace("-Infinity", "1").replace("Infinity", "1")
    )
    assert ask.post("/v1/batch", body.encode("utf-8", "replace")).status == 200


@pytest.mark.parametrize("packed", [True, False])
def test_the_official_python_client_is_understood(running, packed):
    one = running()
    client = Client(
        "write-key", host=f"http://127.0.0.1:{one.port}", gzip=packed, max_retries=1, on_error=lambda error, _: pytest.fail(str(error))
    )
    client.track("user-1", "Order Completed", ORDER)
    client.page("user-1", "Docs", "Home", {"url": "https://shop.example/"})
    client.screen("user-1", "App", "Cart")
    client.identify("user-1", {"plan": "gold"})
    client.group("user-1", "group-1", {"name": "Initech"})
    client.alias("anon-1", "user-1")
    client.flush()
    client.shutdown()
    assert sorted(row["event_type"] for row in one.log.rows) == ["custom", "custom", "custom", "page_view", "page_view", "purchase"]
    assert {(row["dialect"], row["source"]) for row in one.log.rows} == {("segment", "server")}
    assert all(row["sdk_version"] for row in one.log.rows)
