"""Money is exact from the door on."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecompulse.contract.check import check
from ecompulse.contract.money import scaled_money
from ecompulse.contract.read import read_events

from .strategies import RECEIVED_US


def kept(*written: str) -> list[Decimal | None]:
    """Prices as they are kept, given as they stand in the JSON of one batch."""
    event = '{"event_type":"product_view","user_id":"u","properties":{"product_id":"p","price":%s}}'
    checked = check(read_events(f"[{','.join(event % price for price in written)}]".encode()).events, RECEIVED_US)
    assert checked.violations == []
    prices: list[Decimal | None] = checked.batch.column("price").to_pylist()
    return prices


@settings(max_examples=300)
@given(amounts=st.lists(st.decimals(0, Decimal("99999999999999.9999"), places=4), min_size=1, max_size=4))
def test_a_text_is_exact_up_to_fourteen_digits_and_four_decimals(amounts: list[Decimal]) -> None:
    assert kept(*(f'"{amount:f}"' for amount in amounts)) == amounts


@settings(max_examples=300)
@given(digits=st.integers(0, 10**15 - 1), places=st.integers(0, 4), text=st.booleans())
def test_a_number_is_exact_up_to_fifteen_digits_whatever_is_beside_it(digits: int, places: int, text: bool) -> None:
    amount = Decimal(digits).scaleb(-places)
    if amount >= Decimal(10) ** 14:
        amount /= 10
    beside = ('"1"',) if text else ("0.1", "null")
    assert kept(f"{amount:f}", *beside)[0] == amount


@settings(max_examples=300)
@given(units=st.integers(0, 10**8), half=st.sampled_from(("5", "50000", "49999", "50001", "4", "6")), text=st.booleans())
def test_what_is_beyond_four_decimals_is_rounded_half_to_even(units: int, half: str, text: bool) -> None:
    written = f"{units // 10_000}.{units % 10_000:04}{half}"
    expected = Decimal(written).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)
    assert kept(f'"{written}"') == [expected]
    assert kept(written, *(('"1"',) if text else ()))[0] == expected


@pytest.mark.parametrize(
    ("written", "amount"),
    [("19.99", "19.99"), ('"19.99"', "19.99"), ("0.1", "0.1"), ("1.00015", "1.0002"), ("1.00005", "1.0000"), ("0", "0"), ("-0.0", "0"),
     ("1e3", "1000"), ('"1e3"', "1000"), ('".5"', "0.5"), ('"5."', "5"), ('"+5"', "5"), ("9" * 14, "9" * 14), ("1e-30", "0")],
)  # fmt: skip
def test_every_way_to_write_a_number_is_taken(written: str, amount: str) -> None:
    assert kept(written) == [Decimal(amount)]


@pytest.mark.parametrize("written", ["", " ", "1 ", "1,5", "1_000", "٣", "€5", "0x10", "NaN", "-Infinity", "1e99999999", "--1"])
def test_a_text_that_is_no_amount_is_none(written: str) -> None:
    assert scaled_money(written) is None
