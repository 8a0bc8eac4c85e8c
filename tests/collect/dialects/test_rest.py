"""The REST dialect: camelCase and snake_case, one address a kind."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.collect.dialects import rest
from ecompulse.collect.dialects.document import Unmapped

BODIES = {
    "product-view": ({"userId": "u", "productId": "P-9", "sessionId": "s-1", "price": 3.5, "currency": "EUR"}, "product_view"),
    "cart": ({"user_id": "u", "product_id": "P-9", "action": "add", "quantity": 2}, "add_to_cart"),
    "search": ({"userId": "u", "query": "red shoes", "resultsCount": 0}, "search"),
    "purchase": (
        {"userId": "u", "orderId": "o", "currency": "EUR", "total": 30.5, "items": [{"productId": "P", "quantity": 1, "price": 30.5}]},
        "purchase",
    ),
}


@pytest.mark.parametrize("kind", BODIES)
def test_each_address_takes_its_kind(ask, kind):
    body, event_type = BODIES[kind]
    assert json.loads(ask.post(f"/api/events/{kind}", body).body)["accepted"] == 1
    (row,) = ask.log.rows
    assert (row["event_type"], row["user_id"], row["dialect"], row["properties"]) == (event_type, "u", "rest", None)


def test_removing_from_the_cart_is_its_own_type_and_other_actions_are_named(ask):
    ask.post("/api/events/cart", {"userId": "u", "productId": "P", "action": "REMOVE"})
    assert ask.log.rows[0]["event_type"] == "remove_from_cart"
    for action in ("juggle", None, 5):
        answer = ask.post("/api/events/cart", {"userId": "u", "productId": "P", "action": action})
        assert answer.status == 422
        assert json.loads(answer.body)["rejected"][0]["field"] == "action"
    assert len(ask.log.letters) == 3


def test_an_array_keeps_the_places_of_its_events(ask):
    cart = {"userId": "u", "productId": "P"}
    told = json.loads(ask.post("/api/events/cart", [{**cart, "action": "add"}, cart, 7, {**cart, "action": "add", "quantity": 0}]).body)
    assert told["accepted"] == 1
    assert [(one["index"], one["field"]) for one in told["rejected"]] == [(1, "action"), (2, ""), (3, "properties.quantity")]


def test_a_wrong_type_after_an_unmapped_event_is_told_at_its_own_place(ask):
    cart = {"userId": "u", "productId": "P"}
    told = json.loads(ask.post("/api/events/cart", [cart, {**cart, "action": "add", "quantity": "many"}, {**cart, "action": "add"}]).body)
    assert [(one["index"], one["field"]) for one in told["rejected"]] == [(0, "action"), (1, "properties.quantity")]
    assert {letter.field: json.loads(letter.body).get("quantity") for letter in ask.log.letters} == {
        "action": None,
        "properties.quantity": "many",
    }


def test_unknown_names_are_kept_in_snake_case_and_nested_properties_are_joined(ask):
    ask.post("/api/events/search", {"userId": "u", "properties": {"query": "hat", "abVariant": "b"}, "loyaltyTier": "gold"})
    (row,) = ask.log.rows
    assert row["query"] == "hat"
    assert json.loads(row["properties"]) == {"loyalty_tier": "gold", "ab_variant": "b"}


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["userId", "user_id", "productId", "items", "properties", "metadata", "action", "price", "quantity", "eventId", "timestamp", "query"]
)


@given(kind=st.sampled_from(list(BODIES)), found=st.dictionaries(FIELDS | st.text(max_size=8), ANY, max_size=8))
def test_whatever_is_sent_is_an_event_or_unmapped(kind, found):
    try:
        assert rest.to_event(kind, found)["event_type"]
    except Unmapped as unmapped:
        assert unmapped.reason  # noqa: PT017 — one of the two right outcomes
