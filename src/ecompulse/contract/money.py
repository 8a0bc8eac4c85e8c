"""Sums of money between the ways that senders write them and decimal(18, 4), by way of whole ten-thousandths."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Final

import numpy as np
import pyarrow as pa

from ecompulse.contract.columns import MONEY

Integers = np.ndarray[Any, np.dtype[np.int64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

_TEN_THOUSANDTH: Final = Decimal("0.0001")
_FLOAT_EXACT: Final = 1e11
"""Below it, a float of at most four decimals times 10,000 rounds to exactly the integer that was meant (error under 2^-10)."""
_MONEY_LIMIT: Final = Decimal(10) ** 14
_DECIMAL_TEXT: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""What is a decimal number in a text; Python's Decimal would also take `1_000`, digits of other scripts and spaces."""
_ONE_BY_ONE: Final = 256
"""Up to so many values, converting each costs less than the fixed costs of converting all in columns."""
_NEAR: Final = 0.25
"""A float times 10,000 that is as near to an integer is that amount: below `_FLOAT_EXACT` it is off by 0.14 at most."""


def scaled_money(value: float | str) -> int | None:
    """A money value in ten-thousandths, rounded half-even; None where it is no decimal number of at most 14 digits before the point."""
    if isinstance(value, str):
        if not _DECIMAL_TEXT.fullmatch(value):
            return None
    elif abs(value) < _FLOAT_EXACT and abs((product := value * 10_000) - (units := round(product))) < _NEAR:
        return units
    try:
        exact = Decimal(value if isinstance(value, str) else repr(value)).quantize(_TEN_THOUSANDTH, ROUND_HALF_EVEN)
    except InvalidOperation:
        return None
    return int(exact.scaleb(4)) if exact.is_finite() and abs(exact) < _MONEY_LIMIT else None


def scaled(values: Sequence[float | str | None]) -> tuple[Integers, Mask, list[int]]:
    """Ten-thousandths of each value (0 where there is none), which are there, and the places of those that are no amount."""
    if len(values) > _ONE_BY_ONE:
        try:
            numbers = pa.array(values, pa.float64()).to_numpy(zero_copy_only=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            return _each(values)  # some are decimal texts
        present = ~np.isnan(numbers)
        if (np.abs(numbers[present]) < _FLOAT_EXACT).all():
            product = np.where(present, numbers, 0) * 10_000
            units = np.rint(product).astype(np.int64)
            # Where a fifth decimal is near a half, the product's own error could decide: there the number as written does.
            for place in np.flatnonzero(np.abs(product - units) > 0.5 - np.abs(product) * 2.0**-51).tolist():
                units[place] = scaled_money(values[place] or 0.0)
            return units, present, []
    return _each(values)


def _each(values: Sequence[float | str | None]) -> tuple[Integers, Mask, list[int]]:
    found = [None if value is None else scaled_money(value) for value in values]
    units = np.array([unit or 0 for unit in found], np.int64)
    present = np.array([unit is not None for unit in found], bool)
    wrong = [place for place, unit in enumerate(found) if unit is None and values[place] is not None]
    return units, present, wrong


def money_array(units: Integers, present: Mask | None = None) -> pa.Array:
    """decimal128(18, 4) from ten-thousandths; null where not `present`."""
    words = np.empty((len(units), 2), np.int64)
    words[:, 0] = units
    words[:, 1] = units >> 63
    validity = None if present is None or present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.Array.from_buffers(MONEY, len(units), [validity, pa.py_buffer(words)])
