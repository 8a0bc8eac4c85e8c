"""A purchase has lines and adds up."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecompulse.contract.event import ITEMS_LIMIT
from ecompulse.contract.read import read_events

from .test_verdicts import verdicts

Line = tuple[str, int, str]
MUG: Line = ("mug", 1, "10.00")


def purchase(total: object, *lines: Line, **more: object) -> dict[str, object]:
    items = [{"product_id": product, "quantity": quantity, "price": price} for product, quantity, price in lines]
    return {
        "event_type": "purchase",
        "user_id": "u",
        "properties": {"order_id": "o", "currency": "EUR", "total": total, "items": items, **more},
    }


def fields(*events: object) -> list[str | None]:
    """The field that is wrong of each event of one batch, None where all is right."""
    found = verdicts(read_events(msgspec.json.encode(list(events))))
    return [verdict[1] if isinstance(verdict, tuple) else None for verdict in found]


@pytest.mark.parametrize(
    ("total", "right"), [("30.00", True), ("30.01", True), ("29.99", True), ("30.0101", False), ("29.9899", False), (0, False)]
)
def test_it_adds_up_within_a_cent(total: object, right: bool) -> None:
    assert fields(purchase(total, ("mug", 3, "10"))) == [None if right else "properties.total"]


def test_discount_shipping_and_tax_count() -> None:
    assert fields(purchase("95.5", ("A", 1, "100"), discount=10, shipping=4.5, tax="1")) == [None]
    assert fields(purchase("100", ("A", 1, "100"), tax="1")) == ["properties.total"]


def test_wrong_lines_are_named_in_the_purchase_they_are_of() -> None:
    page = {"event_type": "page_view", "user_id": "u", "properties": {"page_url": "/"}}
    sent = (
        page,
        purchase(20, MUG, MUG),
        purchase(10, MUG, ("", 1, "0"), ("cup", 0, "1")),
        purchase(0),
        page,
        purchase(10, MUG, ("cup", 1, "-1")),
        purchase(10, MUG),
        purchase(10, MUG, ("cup", 1_000_001, "0")),
        purchase(10, ("cup", 0, "0"), MUG),
    )
    wrong = ("items.1.product_id", "items", "items.1.price", "items.1.quantity", "items.0.quantity")
    second, third, sixth, eighth, ninth = (f"properties.{name}" for name in wrong)
    assert fields(*sent) == [None, None, second, third, None, sixth, None, eighth, ninth]


def test_it_has_at_most_as_many_lines_as_the_limit() -> None:
    assert fields(purchase(10 * ITEMS_LIMIT, *[MUG] * ITEMS_LIMIT), purchase(10, *[MUG] * (ITEMS_LIMIT + 1))) == [None, "properties.items"]


def test_sums_beyond_64_bits_add_up_to_no_small_total() -> None:
    price = 2**64 // 10_000 // 200_000  # 200,000 of it, in ten-thousandths, come to just under 2^64, which is 0 in 64 bits
    assert fields(purchase("0", ("A", 200_000, str(price)), ("B", 1, f"{(2**64 - price * 200_000 * 10_000) / 10_000:.4f}"))) == [
        "properties.total"
    ]
    largest = "99999999999999.99"
    assert fields(purchase(largest, ("A", 1, largest))) == [None]
    assert fields(*[purchase(largest, ("A", 1, largest))] * 20) == [None] * 20


@settings(max_examples=50)
@given(
    st.lists(
        st.lists(st.tuples(st.just("p"), st.integers(1, 10**6), st.integers(0, 10**9).map(str)), min_size=1, max_size=4),
        min_size=1,
        max_size=4,
    )
)
def test_what_adds_up_is_right_whatever_its_size(orders: list[list[Line]]) -> None:
    totals = [sum(quantity * int(price) for _, quantity, price in lines) for lines in orders]
    expected = [None if total < 10**14 else "properties.total" for total in totals]
    assert fields(*(purchase(str(total), *lines) for total, lines in zip(totals, orders, strict=True))) == expected
