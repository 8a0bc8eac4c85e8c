"""Each change that would break a reader or a writer is found, and each that would not is let through."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ecompulse.contract.commands import check_released
from ecompulse.contract.compatibility import VERSION, breaks, describe, released

Change = Callable[[dict[str, Any]], Any]


def after(change: Change) -> list[str]:
    """What breaks when the present contract is changed so."""
    now = copy.deepcopy(describe())
    change(now)
    return breaks(describe(), now)


def test_the_present_contract_keeps_every_released_version() -> None:
    assert check_released() == []


def test_the_present_version_is_released_and_versions_have_no_gap() -> None:
    assert sorted(released()) == list(range(1, VERSION + 1))


BREAKING: dict[str, tuple[Change, str]] = {
    "a column goes": (lambda now: now["columns"].pop("coupon"), "column coupon is gone"),
    "a column gets another type": (lambda now: now["columns"]["total"].update(type="double"), "total was decimal128(18, 4) and is double"),
    "a column may be null": (lambda now: now["columns"]["event_id"].update(nullable=True), "event_id was never null"),
    "an event type goes": (lambda now: now["event_types"].pop("search"), "event type search is gone"),
    "an event type asks for more": (
        lambda now: now["event_types"]["search"]["required"].append(["results_count"]), "search now asks for results_count"
    ),
    "an alternative goes": (
        lambda now: now["event_types"]["page_view"].update(required=[["page_url"]]), "page_view now asks for page_url"
    ),
    "a property goes": (lambda now: now["properties"].pop("coupon"), "properties.coupon is gone"),
    "an envelope field goes": (lambda now: now["envelope"].pop("sent_at"), "envelope.sent_at is gone"),
    "a kind changes": (lambda now: now["properties"]["coupon"].update(kind="integer"), "coupon was text and is integer"),
    "a field becomes required": (lambda now: now["item"]["product_name"].update(required=True), "product_name was optional"),
    "a new field is required": (
        lambda now: now["item"].update(size={"kind": "text", "required": True}), "item.size is new and required"
    ),
    "a word goes": (lambda now: now["envelope"]["source"]["words"].remove("mobile"), "source no longer takes mobile"),
    "a text becomes a word": (lambda now: now["metadata"]["platform"].update(words=["web"]), "platform no longer takes any text"),
    "a text becomes shorter": (lambda now: now["properties"]["query"].update(text_limit=100), "query had text_limit 8192 and has 100"),
    "a highest number goes down": (lambda now: now["properties"]["quantity"].update(high=10), "quantity had high"),
    "a lowest number goes up": (lambda now: now["properties"]["results_count"].update(low=1), "results_count had low"),
    "money gets a highest": (lambda now: now["properties"]["price"].update(high=10), "price had high unbounded"),
    "a limit goes down": (lambda now: now["limits"].update(rest_bytes=1024), "rest_bytes was 65536 and is 1024"),
    "time begins later": (lambda now: now["limits"].update(before_1970_us=-1_262_304_000_000_000), "before_1970_us"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKING)
def test_a_break_is_found_when(name: str) -> None:
    change, told = BREAKING[name]
    found = after(change)
    assert len(found) == 1
    assert told in found[0]
    assert found[0].startswith(("readers: ", "writers: "))


ALLOWED: dict[str, Change] = {
    "nothing changes": lambda now: None,
    "a column is added": lambda now: now["columns"].update(weather={"type": "string", "nullable": True}),
    "a column is never null any more": lambda now: now["columns"]["country"].update(nullable=False),
    "an event type is added": lambda now: now["event_types"].update(wishlist={"required": [["product_id"]]}),
    "an alternative is added": lambda now: now["event_types"]["search"].update(required=[["query", "image_url"]]),
    "an event type asks for less": lambda now: now["event_types"]["purchase"]["required"].remove(["total"]),
    "an optional property is added": lambda now: now["properties"].update(size={"kind": "text", "required": False, "text_limit": 10}),
    "a required field becomes optional": lambda now: now["item"]["price"].update(required=False),
    "a word is added": lambda now: now["envelope"]["source"]["words"].append("kiosk"),
    "a word becomes any text": lambda now: now["metadata"]["environment"].pop("words"),
    "a text may be longer": lambda now: now["properties"]["query"].update(text_limit=100_000),
    "a highest number goes up": lambda now: now["properties"]["quantity"].update(high=10**9),
    "a lowest number goes down": lambda now: now["properties"]["status_code"].update(low=0),
    "a limit goes up": lambda now: now["limits"].update(items=1_000),
    "time begins earlier": lambda now: now["limits"].update(before_1970_us=0),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_it_is_no_break_when(name: str) -> None:
    assert after(ALLOWED[name]) == []
