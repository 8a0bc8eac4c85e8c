"""The file of exchange rates that a user may give: TOML or CSV."""

from __future__ import annotations

import csv
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from ecompulse.process.step import Rate

PLACES: Final = Decimal("0.00000001")
"""As the column `rate` keeps it: what is multiplied is what is kept, so that every revenue can be computed again from its row."""
_RATE_MAX: Final = Decimal("9999999999.99999999")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class RatesUnreadable(ValueError):
    """A file of rates cannot be used; the message says where and what to write instead."""


def read_rates(path: Path) -> dict[str, tuple[Rate, ...]]:
    """Read a file of rates to the reporting currency; raises `RatesUnreadable`.

    CSV has the columns `currency`, `rate` and, if rates change, `since` (a day, in UTC). TOML has a table `[rates]` of currency to rate,
    or `[[rate]]` entries with the same three names. A rate is what one unit of the currency is worth.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RatesUnreadable(f"{path} cannot be read: {error}") from error
    rows = _rows_of_csv(path, text) if path.suffix.lower() == ".csv" else _rows_of_toml(path, text)
    by_currency: dict[str, dict[date | None, Rate]] = defaultdict(dict)
    for where, row in rows:
        currency, rate = _read_row(f"{path}, {where}", row)
        if rate.since in by_currency[currency]:
            raise RatesUnreadable(f"{path}, {where}: {currency} has a second rate since {rate.since or 'always'}; keep one of them")
        by_currency[currency][rate.since] = rate
    return {currency: tuple(sorted(rates.values(), key=lambda rate: rate.since or date.min)) for currency, rates in by_currency.items()}


def _rows_of_csv(path: Path, text: str) -> Iterable[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(text.splitlines())
    if reader.fieldnames is None or not {"currency", "rate"} <= set(reader.fieldnames):
        named = ",".join(reader.fieldnames or [])
        raise RatesUnreadable(f"{path}, line 1: the columns must be currency,rate or currency,rate,since, not {named!r}")
    return [(f"line {reader.line_num}", row) for row in reader]


def _rows_of_toml(path: Path, text: str) -> Iterable[tuple[str, dict[str, Any]]]:
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise RatesUnreadable(f"{path}: {error}") from error
    if unknown := set(tables) - {"rates", "rate"}:
        raise RatesUnreadable(f"{path}: {', '.join(sorted(unknown))} is not known; write [rates] or [[rate]] entries")
    always, dated = tables.get("rates", {}), tables.get("rate", [])
    if not isinstance(always, dict) or not isinstance(dated, list) or not all(isinstance(row, dict) for row in dated):
        raise RatesUnreadable(f'{path}: write [rates] with lines such as USD = "0.92", or [[rate]] entries of currency, rate and since')
    rows: list[tuple[str, dict[str, Any]]] = [(f"[rates] {name}", {"currency": name, "rate": rate}) for name, rate in always.items()]
    return rows + [(f"[[rate]] number {number}", row) for number, row in enumerate(dated, 1)]


def _read_row(where: str, row: dict[str, Any]) -> tuple[str, Rate]:
    currency, since = row.get("currency"), row.get("since") or None
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        raise RatesUnreadable(f"{where}: currency {currency!r} is not a code of ISO 4217 such as USD")
    try:
        rate = Decimal(str(row.get("rate")).strip()).quantize(PLACES, ROUND_HALF_EVEN)
        usable = rate.is_finite() and 0 < rate <= _RATE_MAX
    except InvalidOperation:  # no number, or one with more digits than a decimal has
        usable = False
    if not usable:
        raise RatesUnreadable(f"{where}: rate {row.get('rate')!r} is not a number above 0 (kept with 8 places) such as 0.9215")
    try:
        day = since if since is None or type(since) is date else date.fromisoformat(str(since))
    except ValueError as error:
        raise RatesUnreadable(f"{where}: since {since!r} is not a day such as 2026-01-31") from error
    return currency, Rate(rate, day)
