"""Columns of a batch: taking them, putting them, and working on each distinct value once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Codes = npt.NDArray[np.int64]

_SPAN_MAX: Final = 1 << 62  # codes of several columns are combined in one int64


class Coded(NamedTuple):
    """A column by its distinct values, in order of first appearance: row `r` has `values[codes[r]]`."""

    values: list[Any]
    codes: Codes


def take(batch: pa.RecordBatch, name: str, kind: pa.DataType | None = None) -> pa.Array:
    """Return a column, or a column of nulls where the batch has none of that name."""
    index = batch.schema.get_field_index(name)
    return batch.column(index) if index >= 0 else pa.nulls(batch.num_rows, kind or pa.string())


def put(batch: pa.RecordBatch, fields: Iterable[pa.Field], arrays: Iterable[pa.Array]) -> pa.RecordBatch:
    """Return the batch with columns replaced where the name exists and appended where it does not."""
    for field, array in zip(fields, arrays, strict=True):
        place = batch.schema.get_field_index(field.name)
        batch = batch.set_column(place, field, array) if place >= 0 else batch.append_column(field, array)
    return batch


def code(array: pa.Array) -> Coded:
    """Return a column by its distinct values, of which null is one."""
    if array.null_count == len(array):
        return Coded([None] if len(array) else [], np.zeros(len(array), dtype=np.int64))
    encoded = array.dictionary_encode(null_encoding="encode")
    return Coded(encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64))


def merge(coded: Coded, answer: Callable[[Any], Any]) -> Coded:
    """Return what `answer` says of each value, values with equal answers made one."""
    answers: dict[Any, int] = {}
    places = [answers.setdefault(answer(value), len(answers)) for value in coded.values]
    return Coded(list(answers), np.array(places, dtype=np.int64)[coded.codes])


def join(columns: Sequence[Coded]) -> Coded:
    """Return the distinct tuples of values over the columns."""
    combined: Codes = np.zeros(len(columns[0].codes), dtype=np.int64)
    span = 1
    for values, codes in columns:
        if len(values) > 1:
            if span * len(values) >= _SPAN_MAX:
                combined = _numbered(combined)
                span = len(combined)
            combined = combined * len(values) + codes
            span *= len(values)
    numbers = _numbered(combined)
    firsts = np.zeros(int(numbers.max(initial=-1)) + 1, dtype=np.int64)
    firsts[numbers[::-1]] = np.arange(len(numbers))[::-1]  # of several writes to a place the last stays: the first row
    found = ([values[place] for place in codes[firsts].tolist()] for values, codes in columns)
    return Coded(list(zip(*found, strict=True)), numbers)


def _numbered(values: Codes) -> Codes:
    """Return for each row the number of its value, in order of first appearance."""
    numbers: Codes = pa.array(values).dictionary_encode().indices.to_numpy().astype(np.int64)
    return numbers


def spread(coded: Coded, kinds: Sequence[pa.DataType]) -> list[pa.Array]:
    """Return one column for each of `kinds` from values that are tuples of as many."""
    at = pa.array(coded.codes)
    return [pa.array([value[place] for value in coded.values], kind).take(at) for place, kind in enumerate(kinds)]


def look_up(array: pa.Array, answer: Callable[[Any], Any], kind: pa.DataType) -> pa.Array:
    """Return what `answer` says of the value of each row, asked once for each distinct value."""
    values, codes = code(array)
    return pa.array([answer(value) for value in values], kind).take(pa.array(codes))
