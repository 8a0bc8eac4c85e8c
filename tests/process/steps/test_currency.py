"""Prices without a currency, and revenue in the reporting currency."""

from __future__ import annotations

import decimal
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.process.step import Context, Rate
from ecompulse.process.steps.currency import convert_money, unconverted
from ecompulse.process.steps.rates import RatesUnreadable, read_rates

from .rows import after, batch_of

D = Decimal


def purchase(total: str, currency: str | None, **more: Any) -> dict[str, Any]:
    return {"event_type": "purchase", "total": D(total), "currency": currency, **more}


def test_a_price_without_currency_takes_the_sites() -> None:
    context = Context(default_currency="EUR", site_currencies={"uk": "GBP"})
    rows = after(
        convert_money, {"price": D(1), "site": "uk"}, {"price": D(1)}, {"price": D(1), "currency": "USD"}, {"site": "uk"}, context=context
    )
    assert [row["currency"] for row in rows] == ["GBP", "EUR", "USD", None]


def test_revenue_is_the_total_at_the_rate_rounded_half_to_even_at_four_places() -> None:
    context = Context(reporting_currency="EUR", rates={"USD": (Rate(D("0.5")),), "JPY": (Rate(D("0.00615")),)})
    rows = after(
        convert_money,
        purchase("19.99", "EUR"),
        purchase("0.0003", "USD"),  # 0.00015 → 0.0002
        purchase("0.0005", "USD"),  # 0.00025 → 0.0002
        purchase("1999", "JPY"),
        context=context,
    )
    assert [row["revenue"] for row in rows] == [D("19.9900"), D("0.0002"), D("0.0002"), D("12.2938")]
    assert [row["rate"] for row in rows] == [D(1), D("0.5"), D("0.5"), D("0.00615")]


@given(st.decimals(0, D("99999999999999.9999"), places=4), st.decimals(D("0.00000001"), D("9999999999.99999999"), places=8))
def test_revenue_is_exact_for_any_total_and_rate_or_null_where_it_cannot_be_held(total: D, rate: D) -> None:
    [row] = after(convert_money, purchase(str(total), "USD"), context=Context(rates={"USD": (Rate(rate),)}))
    with decimal.localcontext(prec=60):
        exact = (total * rate).quantize(D("0.0001"), ROUND_HALF_EVEN)
    assert row["revenue"] == (exact if exact < D(10) ** 14 else None)


def test_without_a_rate_revenue_is_null_and_counted() -> None:
    result = convert_money(
        batch_of(purchase("5", "USD"), purchase("6", "USD"), purchase("7", "EUR"), {"price": D(1), "currency": "CHF"}), Context()
    )
    assert [row["revenue"] for row in result.to_pylist()] == [None, None, D(7), None]
    assert unconverted(result) == {"USD": 2}


def test_only_a_purchase_has_revenue_and_every_priced_event_a_rate() -> None:
    [row] = after(convert_money, {"event_type": "product_view", "price": D(3), "currency": "EUR"})
    assert (row["revenue"], row["rate"]) == (None, D(1))


def test_the_rate_is_that_of_the_day_of_the_event() -> None:
    rates = {"USD": (Rate(D("0.8"), date(2026, 1, 1)), Rate(D("0.9"), date(2026, 7, 1)))}
    moments = [
        datetime(2025, 12, 31, 23, 59, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 6, 30, 23, tzinfo=UTC),
        datetime(2026, 7, 1, tzinfo=UTC),
    ]
    rows = after(convert_money, *(purchase("1", "USD", timestamp=moment) for moment in moments), context=Context(rates=rates))
    assert [row["rate"] for row in rows] == [None, D("0.8"), D("0.8"), D("0.9")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rates.csv", "currency,rate,since\nUSD,0.8,2026-01-01\nUSD,0.9,2026-07-01\nGBP,1.15,\n"),
        ("rates.csv", "\ufeffsince,currency,rate\n2026-07-01,USD,0.9\n2026-01-01,USD,0.8\n,GBP,1.15\n"),
        (
            "rates.toml",
            (
                '[rates]\nGBP = 1.15\n[[rate]]\ncurrency = "USD"\nrate = "0.8"\nsince = 2026-01-01\n'
                '[[rate]]\ncurrency = "USD"\nrate = 0.9\nsince = 2026-07-01\n'
            ),
        ),
    ],
)
def test_a_file_of_rates_is_read_exactly_in_both_forms(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    expected = {"USD": (Rate(D("0.8"), date(2026, 1, 1)), Rate(D("0.9"), date(2026, 7, 1))), "GBP": (Rate(D("1.15")),)}
    assert read_rates(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("rates.csv", "USD,0.9\n", "line 1: the columns must be"),
        ("rates.csv", "currency,rate\nDollar,0.9\n", "line 2: currency 'Dollar'"),
        ("rates.csv", "currency,rate\nUSD,\n", "line 2: rate ''"),
        ("rates.csv", "currency,rate\nUSD\n", "line 2: rate None"),
        ("rates.csv", "currency,rate\nUSD,-1\n", "rate '-1'"),
        ("rates.csv", "currency,rate\nUSD,nan\n", "rate 'nan'"),
        ("rates.csv", "currency,rate\nUSD,1e30\n", "rate '1e30'"),
        ("rates.csv", "currency,rate\nUSD,0.000000001\n", "above 0"),
        ("rates.csv", "currency,rate,since\nUSD,1,soon\n", "since 'soon'"),
        ("rates.csv", "currency,rate\nUSD,1\nUSD,2\n", "line 3: USD has a second rate"),
        ("rates.toml", "[rates\n", "line 1"),
        ("rates.toml", "rates = 3\n", "write [rates]"),
        ("rates.toml", "[currencies]\nUSD = 1\n", "currencies is not known"),
        ("none.csv", None, "cannot be read"),
    ],
)
def test_a_wrong_file_of_rates_is_told_with_the_place(tmp_path: Path, name: str, text: str | None, told: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(RatesUnreadable, match=name) as error:
        read_rates(tmp_path / name)
    assert told in str(error.value)
