"""Columns of a batch: taking them, putting them, and looking up each distinct value once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Codes = npt.NDArray[np.int64]
Value = TypeVar("Value")


def take(batch: pa.RecordBatch, name: str, kind: pa.DataType | None = None) -> pa.Array:
    """Return a column, or a column of nulls where the batch has none of that name."""
    index = batch.schema.get_field_index(name)
    return batch.column(index) if index >= 0 else pa.nulls(batch.num_rows, kind or pa.string())


def put(batch: pa.RecordBatch, fields: Iterable[pa.Field], arrays: Iterable[pa.Array]) -> pa.RecordBatch:
    """Return the batch with columns replaced where the name exists and appended where it does not."""
    columns, schema = list(batch.columns), list(batch.schema)
    places = {name: index for index, name in enumerate(batch.schema.names)}
    for field, array in zip(fields, arrays, strict=True):
        if field.name in places:
            columns[places[field.name]], schema[places[field.name]] = array, field
        else:
            columns.append(array)
            schema.append(field)
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(schema))


def distinct(arrays: Sequence[pa.Array]) -> tuple[list[tuple[Any, ...]], Codes]:
    """Return the distinct tuples of values over the columns, in order of first appearance, and for each row the number of its tuple."""
    encoded = [array.dictionary_encode() for array in arrays]
    combined: Codes = np.zeros(len(arrays[0]), dtype=np.int64)
    span = 1
    for column in encoded:
        size = len(column.dictionary) + 1  # 0 stands for null
        if span * size >= 1 << 62:
            combined = combined_codes(combined)[1]
            span = len(combined)
        combined = combined * size + (column.indices.cast(pa.int64()).fill_null(-1).to_numpy() + 1)
        span *= size
    firsts, codes = combined_codes(combined)
    at = pa.array(firsts)
    return list(zip(*(array.take(at).to_pylist() for array in arrays), strict=True)), codes


def combined_codes(values: Codes) -> tuple[Codes, Codes]:
    """Return the row where each distinct number first appears, and for each row the number of its distinct value."""
    codes = pa.array(values).dictionary_encode().indices.to_numpy().astype(np.int64)
    firsts = np.full(int(codes.max(initial=-1)) + 1, len(codes), dtype=np.int64)
    np.minimum.at(firsts, codes, np.arange(len(codes)))
    return firsts, codes


def look_up(arrays: Sequence[pa.Array], answer: Callable[..., tuple[Any, ...]], kinds: Sequence[pa.DataType]) -> list[pa.Array]:
    """Return one column for each of `kinds`: what `answer` says of the values of a row, asked once for each distinct tuple of them."""
    tuples, codes = distinct(arrays)
    answers = [answer(*values) for values in tuples]
    at = pa.array(codes)
    return [pa.array([each[place] for each in answers], kind).take(at) for place, kind in enumerate(kinds)]
