"""The last minutes, recommendations, and the lists of events and dead letters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from tests.analyze.stocked import DAY, Stocked, event, purchase

from ecompulse.analyze.cursor import cursor
from ecompulse.analyze.listing import SPANS, events, letter_groups, letters, letters_by_id
from ecompulse.analyze.parameters import Shop
from ecompulse.analyze.real_time import parse, real_time
from ecompulse.analyze.recommend import recommend
from ecompulse.analyze.rows import time_text
from ecompulse.analyze.wrong import WrongParameter
from ecompulse.contract.columns import STORED, DeadLetter
from ecompulse.store import Addition, PlacedLetter


def ago(**span: float) -> datetime:
    return datetime.now(UTC) - timedelta(**span)


def figures(stocked: Stocked, **asked: str) -> dict[str, Any]:
    return real_time(stocked, parse(asked, Shop()), Shop())


def test_nothing_happened_is_nothing_and_not_zero_percent(stocked: Stocked) -> None:
    told = figures(stocked)
    assert (told["orders"], told["revenue"], told["active_visitors_5m"], told["events_per_second"]) == (0, "0.00", 0, 0.0)
    assert told["average_order_value"] is told["conversion_rate"] is told["error_rate"] is None
    assert told["api_latency_ms"] == {"p50": None, "p95": None, "p99": None}
    assert told["top_products"] == told["top_pages"] == []


def test_the_last_minutes_are_told(stocked: Stocked) -> None:
    stocked.add([
        event("page_view", ago(minutes=2), "a", page_path="/"),
        event("product_view", ago(minutes=2), "a", product_id="P-1", product_name="Mug"),
        event("add_to_cart", ago(minutes=2), "a", product_id="P-1"), purchase(ago(minutes=1), "a", ("P-1", 3, "10.00")),
        event("add_to_cart", ago(minutes=1), "b", product_id="P-1"), event("search", ago(minutes=1), "b", query="x", results_count=0),
        event("page_view", ago(minutes=20), "c", page_path="/"), event("error", ago(minutes=20), "c", message="x"),
        event("api_call", ago(minutes=20), "c", endpoint="/", duration_ms=12.0), event("page_view", ago(minutes=25), "d"),
        event("page_view", ago(minutes=50), "long gone"), event("page_view", ago(seconds=2), "robot", source="synthetic"),
    ])  # fmt: skip
    told = figures(stocked)
    assert (told["active_visitors_5m"], told["active_visitors_30m"], told["orders"], told["revenue"]) == (2, 4, 1, "30.00")
    assert (told["average_order_value"], told["conversion_rate"], told["carts_open"]) == ("30.00", 0.25, 1)
    assert (told["searches_without_result"], told["error_rate"], told["api_latency_ms"]["p50"]) == (1, 0.1, 12.0)
    assert told["top_products"] == [
        {"product_id": "P-1", "product_name": "Mug", "views": 1, "orders": 1, "revenue": "30.00", "currency": "EUR"}
    ]
    assert told["top_pages"] == [{"page_path": "/", "views": 2}]
    assert figures(stocked, traffic="synthetic")["events_per_second"] == 0.1
    assert figures(stocked, minutes="5")["orders"] == 1


def test_a_person_is_one_on_all_devices_and_a_cart_is_open_that_was_filled_after_the_purchase(stocked: Stocked) -> None:
    stocked.add([
        event("page_view", ago(minutes=20), None, anonymous_id="phone"), event("page_view", ago(minutes=9), "ann", anonymous_id="laptop"),
        purchase(ago(minutes=8), "ann", ("P-1", 1, "5.00")), event("add_to_cart", ago(minutes=2), None, anonymous_id="phone"),
        event("user_login", ago(days=3), "ann", anonymous_id="phone"),
        event("page_view", ago(minutes=3), None, anonymous_id="phone", site="b"), event("page_view", ago(minutes=4), "ann", site="b"),
    ])  # fmt: skip
    for _ in range(2):
        told = figures(stocked)
        assert (told["active_visitors_5m"], told["active_visitors_30m"], told["conversion_rate"], told["carts_open"]) == (3, 3, 0.333333, 1)
        assert figures(stocked, site="default")["active_visitors_30m"] == 1
        stocked.flush()


@pytest.mark.parametrize(
    ("parameter", "value"), [("minutes", "0"), ("minutes", "x"), ("minutes", "1441"), ("traffic", "none"), ("hours", "1")]
)
def test_a_wrong_parameter_is_named(parameter: str, value: str) -> None:
    with pytest.raises(WrongParameter) as wrong:
        parse({parameter: value}, Shop())
    assert wrong.value.parameter == parameter


def test_what_others_bought_together_comes_before_what_is_popular(stocked: Stocked) -> None:
    mug, plate, hat = ("P-mug", 1, "1"), ("P-plate", 1, "1"), ("P-hat", 1, "1")
    stocked.add([
        *(purchase(ago(days=2), f"like-{n}", mug, plate) for n in range(3)), *(purchase(ago(days=2), f"other-{n}", hat) for n in range(20)),
        event("product_view", ago(days=1), "asker", product_id="P-mug"),
        event("product_view", ago(days=1), None, anonymous_id="device", product_id="P-mug"),
    ])  # fmt: skip
    for user in ("asker", "device"):
        told = recommend(stocked, user, site=None, limit=5).table.to_pylist()
        assert [(row["product_id"], row["reason"]) for row in told] == [("P-plate", "bought or viewed together"), ("P-hat", "popular")], (
            user
        )
        assert told[0]["score"] == 1.0 > told[1]["score"] > 0


def test_of_a_large_shop_the_newest_are_compared_and_a_person_is_known_for_longer(
    stocked: Stocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    mug, plate, hat = ("P-mug", 1, "1"), ("P-plate", 1, "1"), ("P-hat", 1, "1")
    stocked.add([event("product_view", ago(days=20), "asker", product_id="P-mug"), purchase(ago(days=40), "asker", hat)])
    stocked.add([purchase(ago(days=2), f"before-{n}", mug, hat) for n in range(4)])
    stocked.add([purchase(ago(hours=1), f"lately-{n}", mug, plate) for n in range(3)])
    stocked.flush()

    def told() -> list[str]:
        return [row["product_id"] for row in recommend(stocked, "asker", site=None, limit=5).table.to_pylist()]

    assert told() == ["P-hat", "P-plate"]
    monkeypatch.setattr("ecompulse.analyze.recommend.TOUCHES_MAX", 3)
    assert told() == ["P-plate"]


def test_a_stranger_is_told_what_is_popular(stocked: Stocked) -> None:
    stocked.add([purchase(ago(days=1), "a", ("P-1", 1, "1")), purchase(ago(days=1), "b", ("P-1", 1, "1"), ("P-2", 1, "1"))])
    assert [row["product_id"] for row in recommend(stocked, "stranger", site=None, limit=5).table.to_pylist()] == ["P-1", "P-2"]
    assert recommend(stocked, "stranger", site="elsewhere", limit=5).table.num_rows == 0


def test_events_are_listed_from_the_newest_page_by_page_without_a_gap(stocked: Stocked) -> None:
    same = DAY + timedelta(hours=1)  # some received in the same microsecond: a page may end between them
    stocked.add([event("page_view", DAY, received_at=same if n % 3 else DAY + timedelta(seconds=n)) for n in range(50)])
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = events(stocked, {"after": after}, 7)
        seen += [item["event_id"] for item in page["items"]]
        after = page["next"]
    assert len(seen) == len(set(seen)) == 50


def test_a_list_holds_what_lies_where_two_steps_meet_once_and_what_lies_beyond_the_last(stocked: Stocked) -> None:
    moments = {DAY - span + timedelta(microseconds=n) for span in (*SPANS, 3 * SPANS[-1]) for n in (-1, 0, 1)}
    stocked.add([event("page_view", DAY, received_at=moment) for moment in moments])

    seen = [time_text(moment) for moment in sorted(moments, reverse=True)]
    for limit in (len(moments) - 1, len(moments)):
        page = events(stocked, {"after": cursor(DAY, UUID(int=0))}, limit)
        assert [item["received_at"] for item in page["items"]] == seen[:limit]
        assert (page["next"] is None) == (limit == len(moments))


def test_events_are_found_by_visitor_type_text_and_id(stocked: Stocked) -> None:
    stocked.add([
        event("search", DAY, "a", query="Red Shoes", event_id=bytes(16)), event("page_view", DAY, None, anonymous_id="device"),
        event("user_login", DAY, "b", anonymous_id="device"), event("custom", DAY, "c", name="x", properties='{"tier": "gold"}'),
    ])  # fmt: skip
    assert [item["query"] for item in events(stocked, {"q": "red sh"}, 5)["items"]] == ["Red Shoes"]
    assert len(events(stocked, {"visitor": "b"}, 5)["items"]) == 2
    assert [item["properties"] for item in events(stocked, {"event_type": "custom"}, 5)["items"]] == [{"tier": "gold"}]
    assert [item["event_type"] for item in events(stocked, {"q": "00000000-0000-0000-0000-000000000000"}, 5)["items"]] == ["search"]
    assert "query" not in events(stocked, {"event_type": "page_view"}, 5)["items"][0], "what an event does not have is left out"


@pytest.mark.parametrize("after", ["x", "1~2", "9" * 30 + "~00000000-0000-0000-0000-000000000000", "1~'; drop table events"])
def test_a_cursor_that_is_none_of_ours_is_refused(stocked: Stocked, after: str) -> None:
    with pytest.raises(WrongParameter, match="after"):
        events(stocked, {"after": after}, 5)


def test_dead_letters_are_listed_counted_and_kept_to_the_byte(stocked: Stocked) -> None:
    received = int(DAY.timestamp() * 1e6)
    bodies = [b'{"a": 1}', b'{"b": 2}', b"\xff\xfe"]
    placed = [
        PlacedLetter(0, n, DeadLetter("is missing", "properties.price", None, "purchase", "canonical", "default", None, received + n, body))
        for n, body in enumerate(bodies)
    ]
    stocked.store.add(Addition(pa.RecordBatch.from_pylist([], STORED), placed, {}, {0: 3}))
    page = letters(stocked, {}, 2)
    assert [item["id"] for item in page["items"]] == ["0-2", "0-1"]
    assert page["items"][0]["body_base64"] == "//4="
    assert [item["body"] for item in letters(stocked, {"after": page["next"]}, 2)["items"]] == ['{"a": 1}']
    assert [item["id"] for item in letters(stocked, {"q": '"B"'}, 5)["items"]] == ["0-1"]
    assert letters(stocked, {}, 5, replayed=True)["items"] == []
    assert {row["id"]: row["body"] for row in letters_by_id(stocked, ["0-0", "0-2", "0-9"])} == {"0-0": bodies[0], "0-2": bodies[2]}
    (group,) = letter_groups(stocked, None)["reasons"]
    assert (group["reason"], group["field"], group["count"]) == ("is missing", "properties.price", 3)


def test_the_list_goes_on_from_page_to_page_however_long_nothing_came(stocked: Stocked) -> None:
    times = [ago(days=400), ago(days=30), ago(days=3), ago(days=1), ago(hours=4), ago(hours=1), ago(minutes=11), ago(seconds=1)]
    stocked.add([event("click", moment, f"u-{number}") for number, moment in enumerate(times[:5])])
    stocked.flush()
    stocked.add([event("click", moment, f"u-{number}") for number, moment in enumerate(times[5:], 5)])
    for limit in (1, 3, 8):
        found, after = [], ""
        while after is not None:
            page = events(stocked, {"after": after}, limit)
            found += [item["visitor"] for item in page["items"]]
            after = page["next"]
        assert found == [f"u-{number}" for number in range(7, -1, -1)]


def test_the_events_of_a_visitor_are_those_of_all_their_devices_and_of_no_other_site(stocked: Stocked) -> None:
    stocked.add([
        event("page_view", ago(days=5), None, anonymous_id="phone"), event("page_view", ago(days=6), None, anonymous_id="phone", site="b"),
        event("login", ago(hours=5), "ann", anonymous_id="phone"), event("click", ago(hours=1), "ann", anonymous_id="laptop"),
        event("click", ago(minutes=50), "bea", anonymous_id="laptop"), event("click", ago(minutes=40), None, anonymous_id="laptop"),
        event("click", ago(minutes=1), "bea"), event("click", ago(minutes=1), None, anonymous_id="ann"),
    ])  # fmt: skip
    stocked.flush()
    of_ann = events(stocked, {"visitor": "ann"}, 100)["items"]
    assert [(item["site"], item.get("anonymous_id"), item.get("user_id")) for item in of_ann] == [
        ("default", "ann", None), ("default", "laptop", None), ("default", "laptop", "bea"), ("default", "laptop", "ann"),
        ("default", "phone", "ann"), ("default", "phone", None),
    ]  # fmt: skip
    of_the_phone = events(stocked, {"visitor": "phone"}, 100)["items"]
    assert [item["site"] for item in of_the_phone] == ["default", "default", "b"]
