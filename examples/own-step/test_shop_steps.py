"""The shop's steps, tested as a user would: a batch in, a batch out."""

from decimal import Decimal

import pyarrow as pa
from shop_steps import band_prices, tidy_campaigns

from ecompulse.process.step import Context


def test_campaigns_that_are_written_differently_are_one() -> None:
    batch = pa.record_batch({"campaign": ["Spring_Sale", "spring sale", None]})
    assert tidy_campaigns(batch, Context()).column("campaign").to_pylist() == ["spring sale", "spring sale", None]


def test_a_price_has_a_band() -> None:
    prices = pa.array([Decimal("5.00"), Decimal("20.00"), Decimal("500.00"), None], pa.decimal128(18, 4))
    batch = pa.record_batch({"price": prices, "properties": pa.array([None, '{"colour":"red"}', "{}", None])})
    assert band_prices(batch, Context()).column("properties").to_pylist() == [
        '{"price_band":"low"}',
        '{"colour":"red","price_band":"middle"}',
        '{"price_band":"high"}',
        None,
    ]
