"""Kafka REST Proxy, CloudEvents, GA4, Snowplow and the pixel, with payloads as their clients send them."""

from __future__ import annotations

import base64
import json
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecompulse.guard import keys

EVENT = {"event_type": "product_view", "user_id": "u", "properties": {"product_id": "P"}}
NOW_MS = 1_795_244_400_000
KAFKA = "application/vnd.kafka.json.v2+json"


# ---- Kafka REST Proxy v2


def test_kafka_records_have_their_offsets_or_errors(ask):
    body = {"records": [{"key": "k", "value": EVENT}, {"value": {**EVENT, "properties": {}}}, {"value": EVENT, "partition": 3}, {"key": 1}]}
    answer = ask.post("/topics/product-views", body, content_type=KAFKA)
    assert (answer.status, answer.content_type) == (200, "application/vnd.kafka.v2+json")
    told = json.loads(answer.body)["offsets"]
    assert [(one["offset"], one["error_code"]) for one in told] == [(0, None), (None, 1), (1, None), (None, 1)]
    assert "properties.product_id" in told[1]["error"]
    assert (len(ask.log.rows), len(ask.log.letters)) == (2, 2)


def test_kafka_binary_records_are_base64_of_json(ask):
    body = {"records": [{"value": base64.b64encode(json.dumps(EVENT).encode()).decode()}, {"value": "%%%"}, {"value": 5}]}
    told = json.loads(ask.post("/topics/t", body, content_type="application/vnd.kafka.binary.v2+json").body)["offsets"]
    assert [one["error_code"] for one in told] == [None, 1, 1]
    assert ask.log.rows[0]["dialect"] == "topics"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"records":1}', b'{"records":[1]}', b'{"records":[{"value":' + b"[" * 100_000])
def test_what_is_no_produce_request_is_400(ask, body):
    assert ask.post("/topics/t", body, content_type=KAFKA).status == 400


# ---- CloudEvents


def test_a_structured_cloud_event_carries_an_event_or_its_properties(ask):
    outer = {"specversion": "1.0", "id": "A-1", "source": "/shop", "time": "2026-11-21T06:00:00Z", "subject": "user-9"}
    events = [
        {**outer, "type": "example.shop.product_view", "data": {"product_id": "P"}},
        {**outer, "id": "A-2", "type": "x", "data": EVENT},
    ]
    assert ask.post("/v1/events", events, content_type="application/cloudevents-batch+json; charset=UTF-8").status == 202
    assert ask.post("/v1/events", events[0], content_type="application/cloudevents+json").status == 202
    rows = ask.log.rows
    assert [(row["event_type"], row["user_id"], row["dialect"]) for row in rows[:2]] == [
        ("product_view", "user-9", "cloudevents"),
        ("product_view", "u", "cloudevents"),
    ]
    assert rows[0]["event_id"] == rows[2]["event_id"] != rows[1]["event_id"]


def test_a_binary_cloud_event_has_its_attributes_in_headers(ask):
    answer = ask.post(
        "/v1/events", {"query": "hat"}, ce_specversion="1.0", ce_id="1", ce_type="shop.search", ce_source="web", ce_subject="u%201"
    )
    assert answer.status == 202
    assert (ask.log.rows[0]["query"], ask.log.rows[0]["user_id"], ask.log.rows[0]["source"]) == ("hat", "u 1", "web")


@pytest.mark.parametrize(
    ("event", "field"), [({"type": "order"}, "data"), ({"type": "shop.dance", "data": {}}, "type"), ({"data": "x"}, "data")]
)
def test_a_cloud_event_of_no_known_kind_names_the_attribute(ask, event, field):
    answer = ask.post("/v1/events", event, content_type="application/cloudevents+json")
    assert (answer.status, json.loads(answer.body)["rejected"][0]["field"]) == (422, field)


# ---- GA4

ITEMS = [{"item_id": "SKU_1", "item_name": "Tee", "item_category": "Apparel", "price": 10.01, "quantity": 3, "item_brand": "G"}]


def ga4(*events, **around):
    return {"client_id": "123456.7654321", "timestamp_micros": str(NOW_MS * 1000), "events": list(events), **around}


def test_a_ga4_purchase_has_lines_and_a_total_with_shipping_and_tax(ask):
    event = {
        "name": "purchase",
        "params": {
            "transaction_id": "T_1",
            "currency": "USD",
            "value": 30.03,
            "shipping": 3.33,
            "tax": 1.11,
            "items": ITEMS,
            "session_id": 123,
            "engagement_time_msec": 100,
        },
    }
    answer = ask.post("/mp/collect?measurement_id=G-1&api_secret=s", ga4(event))
    assert (answer.status, answer.body) == (204, b"")
    (row,) = ask.log.rows
    assert (row["event_type"], row["order_id"], str(row["total"]), row["session_id"], row["anonymous_id"]) == (
        "purchase",
        "T_1",
        "34.4700",
        "123",
        "123456.7654321",
    )
    assert row["items"][0]["product_id"] == "SKU_1"
    assert json.loads(row["properties"])["value"] == 30.03
    assert row["timestamp"].timestamp() * 1000 == NOW_MS


@pytest.mark.parametrize(
    ("name", "params", "event_type"),
    [
        ("page_view", {"page_location": "https://s.example/", "page_title": "Home"}, "page_view"),
        ("view_item", {"items": ITEMS, "currency": "USD"}, "product_view"),
        ("add_to_cart", {"items": ITEMS}, "add_to_cart"),
        ("search", {"search_term": "hat"}, "search"),
        ("tutorial_begin", {"name": "x"}, "custom"),
        ("login", {"method": "Google"}, "custom"),
    ],
)
def test_ga4_names_have_their_types(ask, name, params, event_type):
    ask.post("/mp/collect", ga4({"name": name, "params": params}))
    assert [row["event_type"] for row in ask.log.rows] == [event_type]


def test_a_ga4_retry_is_known_by_its_microsecond_and_a_secret_is_a_key(ask, tmp_path):
    for _ in range(2):
        ask.post("/mp/collect", ga4({"name": "search", "params": {"search_term": "a"}}, user_id="u"))
    assert len({row["event_id"] for row in ask.log.rows}) == 1
    secret, _ = keys.create(tmp_path, "toys", "write")
    ask.door.keys = keys.Keys(tmp_path)
    assert ask.post("/mp/collect?api_secret=guess", ga4({"name": "login"})).status == 401
    ask.post(f"/mp/collect?api_secret={secret}", ga4({"name": "login"}, user_id="u"))
    assert ask.log.rows[-1]["site"] == "toys"


# ---- Snowplow and the pixel


def snowplow(**event):
    usual = {
        "eid": str(uuid.uuid4()),
        "tv": "js-3.5.0",
        "tna": "sp",
        "aid": "website",
        "p": "web",
        "duid": "d-1",
        "sid": "s-1",
        "dtm": str(NOW_MS),
        "stm": str(NOW_MS + 5),
        "url": "https://s.example/",
    }
    return {"schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4", "data": [{**usual, **event}]}


def packed(value) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def described(name, data):
    return {"schema": f"iglu:com.snowplowanalytics.snowplow.ecommerce/{name}/jsonschema/1-0-0", "data": data}


PATH = "/com.snowplowanalytics.snowplow/tp2"


def test_a_snowplow_page_view_is_a_page_view(ask):
    sent = snowplow(e="pv", page="Home", refr="https://search.example/", lang="de")
    assert ask.post(PATH, sent).status == 200
    (row,) = ask.log.rows
    assert (row["event_type"], row["page_url"], row["page_title"], row["referrer"]) == (
        "page_view",
        "https://s.example/",
        "Home",
        "https://search.example/",
    )
    assert (row["anonymous_id"], row["session_id"], row["source"], row["sdk_version"]) == ("d-1", "s-1", "web", "js-3.5.0")
    assert str(uuid.UUID(bytes=row["event_id"])) == sent["data"][0]["eid"]
    assert json.loads(row["metadata"])["parameters"]["lang"] == "de"
    assert row["timestamp"].timestamp() * 1000 == NOW_MS


@pytest.mark.parametrize("plain", [True, False])
def test_a_snowplow_transaction_is_a_purchase(ask, plain):
    event = {
        "schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0",
        "data": described("snowplow_ecommerce_action", {"type": "transaction"}),
    }
    entities = {
        "schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1",
        "data": [
            described("transaction", {"transaction_id": "T", "revenue": 25, "currency": "EUR", "payment_method": "card", "shipping": 5}),
            described("product", {"id": "P-1", "name": "Mug", "category": "kitchen", "price": 10, "quantity": 2, "currency": "EUR"}),
        ],
    }
    parts = {"ue_pr": json.dumps(event), "co": json.dumps(entities)} if plain else {"ue_px": packed(event), "cx": packed(entities)}
    ask.post(PATH, snowplow(e="ue", **parts))
    (row,) = ask.log.rows
    assert (row["event_type"], row["order_id"], str(row["total"]), row["payment_method"]) == ("purchase", "T", "25.0000", "card")
    assert row["items"][0]["product_name"] == "Mug"


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({"e": "se", "se_ca": "shop", "se_ac": "zoom"}, "zoom"),
        ({"e": "pp"}, "page_ping"),
        ({"e": "ue", "ue_pr": '{"data":' + json.dumps(described("viewed", {"a": 1})) + "}"}, "viewed"),
    ],
)
def test_other_snowplow_events_are_custom(ask, event, name):
    ask.post(PATH, snowplow(**event))
    assert [(row["event_type"], row["name"]) for row in ask.log.rows] == [("custom", name)]


def test_a_snowplow_event_with_a_broken_document_is_a_dead_letter_and_answered_ok(ask):
    assert ask.post(PATH, snowplow(e="ue", ue_px="%%%")).status == 200
    assert ask.log.letters[0].field == "ue_px"


def test_the_pixel_is_an_image_whatever_the_event(ask):
    for query in (
        "event_type=page_view&anonymous_id=a&page_url=https%3A%2F%2Fs.example%2F&utm_source=mail",
        "e=pv&duid=d&url=https%3A%2F%2Fs.example%2F",
        "x=%ff&&&=",
        "",
    ):
        answer = ask("GET", f"/i?{query}")
        assert (answer.status, answer.content_type, answer.body[:3]) == (200, "image/gif", b"GIF")
    assert [(row["event_type"], row["dialect"]) for row in ask.log.rows] == [("page_view", "pixel"), ("page_view", "snowplow")]
    assert len(ask.log.letters) == 2


# ---- all of them

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "e",
        "eid",
        "uid",
        "dtm",
        "ue_pr",
        "ue_px",
        "co",
        "cx",
        "tv",
        "url",
        "name",
        "params",
        "items",
        "data",
        "type",
        "id",
        "time",
        "value",
        "event_type",
        "properties",
    ]
)
OBJECT = st.dictionaries(NAMES | st.text(max_size=6), ANY, max_size=7)
GA4_EVENT = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["purchase", "view_item", "login", "x"]),
        "params": st.dictionaries(st.sampled_from(["items", "value", "tax", "shipping", "currency", "name"]), ANY),
    }
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(one=OBJECT, event=GA4_EVENT | OBJECT, micros=ANY)
def test_whatever_json_is_sent_is_answered_and_never_a_fault(ask, one, event, micros):
    sent = {
        "/mp/collect": ({"client_id": "c", "timestamp_micros": micros, "events": [event]}, "application/json"),
        PATH: ({"data": [{"e": "ue", **one}]}, "application/json"),
        "/topics/t": ({"records": [{"value": one}]}, KAFKA),
        "/v1/events": ([one], "application/cloudevents-batch+json"),
    }
    for path, (body, kind) in sent.items():
        assert ask.post(path, body, content_type=kind).status < 500


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(st.characters(max_codepoint=255), max_size=60))
def test_whatever_stands_in_a_pixels_address_is_answered_with_it(ask, query):
    assert ask("GET", f"/i?{query}").status == 200
