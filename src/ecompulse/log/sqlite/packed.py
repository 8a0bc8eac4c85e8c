"""The bytes of a batch in an entry: an Arrow record batch without its empty columns, its repeated texts as numbers of words, compressed.

Most texts of a shop's events repeat: event types, pages, products, browsers, ids of visitors. The places at which such texts begin are as
irregular as the texts, and compress badly. So where a large batch has few different ones, a column holds their numbers, and the texts
stand once, behind the batch: an entry has six tenths of the bytes, in about the same time, as there is less to compress.
"""

from __future__ import annotations

import struct
import threading
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
import zstandard

from ecompulse.contract.columns import LOGGED

ROWS_FOR_WORDS: Final = 512
"""Rows from which on texts become numbers: finding the different ones costs a call for each column, which fewer rows do not save."""
SCHEMAS_MAX: Final = 4_096
"""Column sets seen: a handful in practice; cleared beyond this so that a hostile sender cannot make it grow."""

_MARK: Final = b"word"
"""How an entry with words begins; one without begins with Arrow's 0xFFFFFFFF."""
_HEAD: Final = struct.Struct("<4sHHI")
"""`_MARK`, the number of columns, 0, the bytes of the batch. Then for each column how many words it has (0: it holds its texts itself),
as 32 bits, filled up to a multiple of 8 bytes; then the batch; then the words of all columns as a batch of one column. Little-endian."""
_WORDS: Final = pa.schema([pa.field("word", pa.string())])
_TEXT: Final = pa.string()
_SMALL: Final = 256
_LARGE: Final = 65_536
_ALIGNED: Final = 8
_SPARSE: Final = 8

# The quickest level's table, but it looks for repetitions of six bytes instead of seven, and in two ways: short texts have no more, and an
# entry is 6 % smaller for 0.25 µs an event.
_PARAMETERS: Final = zstandard.ZstdCompressionParameters.from_level(1, strategy=zstandard.STRATEGY_DFAST, min_match=6)


class _Compressor(threading.local):
    """One for each thread: it lets go of the interpreter while it works, and two threads in one of them end the process."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(compression_params=_PARAMETERS).compress


_compressor: Final = _Compressor()
_schemas: dict[bytes, pa.Schema] = {}


def compressed(content: bytes) -> bytes:
    """Bytes as an entry keeps them; `zstandard.decompress` gives them back."""
    packed: bytes = _compressor.compress(content)
    return packed


def pack(batch: pa.RecordBatch) -> tuple[bytes, bytes]:
    """The schema and the bytes of a batch of columns of `LOGGED`, without those that are null throughout (most of the contract's are)."""
    names = [name for name, column in zip(batch.schema.names, batch.columns, strict=True) if column.null_count < len(batch)]
    dense = batch.select(names) if len(names) < batch.num_columns else batch
    content = dense.serialize() if len(batch) < ROWS_FOR_WORDS else _with_words(dense)
    return _schema_bytes(tuple(names)), compressed(content)


def unpack(schema: bytes, packed: bytes) -> pa.RecordBatch:
    """The batch that `pack` was given, but for columns that hold nothing.

    Raises:
        zstandard.ZstdError, ValueError, struct.error, pa.ArrowException: these are not its bytes.
    """
    dense = _schemas.get(schema)
    if dense is None:
        if len(_schemas) >= SCHEMAS_MAX:
            _schemas.clear()
        dense = _schemas[schema] = pa.ipc.read_schema(pa.py_buffer(schema))
    content = zstandard.decompress(packed)
    if content.startswith(_MARK):
        return pa.RecordBatch.from_arrays(_without_words(content, dense), schema=dense)
    return pa.ipc.read_record_batch(pa.py_buffer(content), dense)


@lru_cache(maxsize=1024)
def _schema_bytes(names: tuple[str, ...]) -> bytes:
    """The schema of these columns of `LOGGED` as Arrow writes it: a few sets of columns come again and again."""
    schema: bytes = pa.schema([LOGGED.field(name) for name in names]).serialize().to_pybytes()
    return schema


def _with_words(dense: pa.RecordBatch) -> bytes:
    """A batch, and the words of those of its columns that have few."""
    columns, words, counts = [], [], []
    for column in dense.columns:
        encoded = column.dictionary_encode() if _may_repeat(column) else None
        count = len(encoded.dictionary) if encoded is not None else 0
        if encoded is not None and count <= min(len(column) // 2, _LARGE):
            columns.append(_narrow(encoded.indices, count))
            words.append(encoded.dictionary)
            counts.append(count)
        else:
            columns.append(column)
            counts.append(0)
    batch = pa.RecordBatch.from_arrays(columns, schema=_numbered(dense.schema, counts)).serialize()
    told = pa.RecordBatch.from_arrays([pa.concat_arrays(words) if words else pa.array([], _TEXT)], schema=_WORDS).serialize()
    return b"".join([_head(counts, batch.size), batch, told])


def _may_repeat(column: pa.Array) -> bool:
    """Whether it is worth a look how many different texts a column has; of one that is nearly empty the places compress well enough."""
    return bool(column.type == _TEXT and _SPARSE * (len(column) - column.null_count) > len(column))


def _narrow(indices: pa.Array, count: int) -> pa.Array:
    """Numbers below `count` in as many bytes as they need."""
    kind, end = _numbers(count), indices.offset + len(indices)
    valid, numbers = indices.buffers()
    narrow = np.frombuffer(numbers, np.int32, end).astype(kind.to_pandas_dtype())
    return pa.Array.from_buffers(kind, len(indices), [valid, pa.py_buffer(narrow)], indices.null_count, indices.offset)


def _without_words(content: bytes, dense: pa.Schema) -> list[pa.Array]:
    """The columns of what `_with_words` wrote."""
    _, columns, _, size = _HEAD.unpack_from(content)
    counts = np.frombuffer(content, "<u4", columns, _HEAD.size).tolist()
    start = len(_head(counts, size))
    buffer = pa.py_buffer(content)
    batch = pa.ipc.read_record_batch(buffer.slice(start, size), _numbered(dense, counts))
    words = pa.ipc.read_record_batch(buffer.slice(start + size), _WORDS).column(0)
    arrays, first = [], 0
    for column, count in zip(batch.columns, counts, strict=True):
        arrays.append(words.slice(first, count).take(column) if count else column)
        first += count
    return arrays


def _head(counts: list[int], size: int) -> bytes:
    head = _HEAD.pack(_MARK, len(counts), 0, size) + np.array(counts, "<u4").tobytes()
    return head + b"\0" * (-len(head) % _ALIGNED)


def _numbered(schema: pa.Schema, counts: list[int]) -> pa.Schema:
    """A schema whose columns with words hold their numbers."""
    fields = [field.with_type(_numbers(count)) if count else field for field, count in zip(schema, counts, strict=True)]
    return pa.schema(fields)


def _numbers(count: int) -> pa.DataType:
    """The type that counts so many words."""
    return pa.uint8() if count <= _SMALL else pa.uint16()
