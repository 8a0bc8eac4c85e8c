"""Money in one currency: the site's for a price without any, and what a purchase is worth in the reporting currency."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ecompulse.contract.columns import MONEY, RATE, STORED
from ecompulse.process.step import Context, Rate
from ecompulse.process.steps.columns import look_up, put, take

_FIELDS: Final = [STORED.field(name) for name in ("currency", "rate", "revenue")]
_REVENUE_BELOW: Final = Decimal(10) ** 14
"""What decimal(18, 4) can hold; a larger product (an absurd rate) is no revenue rather than an error for the whole batch."""
_SAME: Final = (Rate(Decimal(1)),)


def convert_money(batch: pa.RecordBatch, context: Context) -> pa.RecordBatch:
    """Fill `currency` where there is a price without one, `rate` to the reporting currency, and `revenue` of purchases.

    Revenue is `total × rate`, exact, then rounded half to even at four places. Without a rate both are null: nothing is guessed.
    """
    currency = _with_site_currency(batch, context)
    rate = _rates_at(currency, take(batch, "timestamp"), context)
    bought = pc.equal(take(batch, "event_type"), "purchase")
    product = pc.multiply(take(batch, "total", MONEY), rate)
    revenue = pc.round(product, ndigits=4, round_mode="half_to_even")
    fits = pc.and_(bought, pc.less(pc.abs(revenue), pa.scalar(_REVENUE_BELOW, revenue.type)))
    revenue = pc.if_else(fits, revenue, pa.scalar(None, revenue.type)).cast(MONEY)
    return put(batch, _FIELDS, [currency, rate, revenue])


def unconverted(batch: pa.RecordBatch) -> dict[str, int]:
    """Count, by currency, the purchases of a converted batch that have a total and no revenue, because no rate is known."""
    missing = pc.and_(
        pc.equal(batch.column("event_type"), "purchase"), pc.and_(pc.is_valid(batch.column("total")), pc.is_null(batch.column("revenue")))
    )
    counts = pc.value_counts(batch.column("currency").filter(missing))
    return {entry["values"] or "": entry["counts"] for entry in counts.to_pylist()}


def _with_site_currency(batch: pa.RecordBatch, context: Context) -> pa.Array:
    currency = take(batch, "currency")
    priced = pc.or_(pc.is_valid(take(batch, "price", MONEY)), pc.is_valid(take(batch, "total", MONEY)))
    wanted = pc.and_(pc.is_null(currency), priced)
    if not pc.any(wanted).as_py():
        return currency
    of_site = look_up(take(batch, "site"), lambda site: context.site_currencies.get(site, context.default_currency), pa.string())
    return pc.if_else(wanted, of_site, currency)


def _rates_at(currency: pa.Array, timestamp: pa.Array, context: Context) -> pa.Array:
    """Return for each row the latest rate of its currency that began by the time of the event."""
    names = currency.dictionary_encode()
    rates: list[Decimal | None] = []
    starts: list[tuple[int, Sequence[Rate]]] = []  # where the rates of each currency begin in `rates`
    for name in names.dictionary.to_pylist():
        known: Sequence[Rate] = _SAME if name == context.reporting_currency else context.rates.get(name, ())
        starts.append((len(rates), known))
        rates += [None, *(rate.rate for rate in known)]  # first: before any rate began
    place = np.full(len(currency), len(rates), dtype=np.int64)
    rates.append(None)  # last: a row without a currency
    codes = names.indices.fill_null(-1).to_numpy()
    moments = timestamp.cast(pa.int64()).to_numpy()
    for code, (start, known) in enumerate(starts):
        rows = codes == code
        began = np.array([_start_us(rate) for rate in known], dtype=np.int64)
        place[rows] = start + np.searchsorted(began, moments[rows], side="right")
    return pa.array(rates, RATE).take(pa.array(place))


def _start_us(rate: Rate) -> int:
    if rate.since is None:
        return int(np.iinfo(np.int64).min)
    return int(datetime.combine(rate.since, time(), UTC).timestamp()) * 1_000_000
