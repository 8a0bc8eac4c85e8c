"""The table `events` as DuckDB and Postgres declare it, derived from `columns.STORED`.

SEAM: `duckdb_events()` and `postgres_events()` give one `create table if not exists` statement each; columns are in the order of `STORED`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pyarrow as pa

from ecompulse.contract.columns import STORED

JSON_COLUMNS: Final = ("properties", "metadata", "extra")
"""Columns of `events` that hold JSON text: what the contract does not name."""

_DUCKDB: Final[dict[pa.DataType, str]] = {
    pa.binary(16): "uuid",
    pa.string(): "varchar",
    pa.bool_(): "boolean",
    pa.uint8(): "utinyint",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.uint64(): "ubigint",
    pa.float64(): "double",
    pa.timestamp("us", tz="UTC"): "timestamptz",
}
_POSTGRES: Final[dict[pa.DataType, str]] = {
    pa.binary(16): "uuid",
    pa.string(): "text",
    pa.bool_(): "boolean",
    pa.uint8(): "smallint",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.uint64(): "numeric(20)",
    pa.float64(): "double precision",
    pa.timestamp("us", tz="UTC"): "timestamptz",
}


def duckdb_type(field: pa.Field) -> str:
    """The DuckDB type of a column.

    Raises:
        KeyError: the contract uses an Arrow type that has no DuckDB type here yet.
    """
    return "json" if field.name in JSON_COLUMNS else _duckdb(field.type)


def _duckdb(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"{_duckdb(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return "struct(" + ", ".join(f'"{inner.name}" {_duckdb(inner.type)}' for inner in kind.fields) + ")"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    return _DUCKDB[kind]


def postgres_type(field: pa.Field) -> str:
    """The Postgres type of a column; what nests is `jsonb`.

    Raises:
        KeyError: the contract uses an Arrow type that has no Postgres type here yet.
    """
    if field.name in JSON_COLUMNS or pa.types.is_nested(field.type):
        return "jsonb"
    if pa.types.is_decimal(field.type):
        return f"numeric({field.type.precision}, {field.type.scale})"
    return _POSTGRES[field.type]


def duckdb_events() -> str:
    """`create table events` for DuckDB. No unique index: it makes inserts four times slower, and `process` finds duplicates itself."""
    return _create(duckdb_type, ())


def postgres_events() -> str:
    """`create table events` for Postgres, where the primary key on `event_id` makes an event count once."""
    return _create(postgres_type, ('primary key ("event_id")',))


def _create(type_of: Callable[[pa.Field], str], constraints: tuple[str, ...]) -> str:
    lines = [f'"{field.name}" {type_of(field)}{"" if field.nullable else " not null"}' for field in STORED]
    return "create table if not exists events (\n    " + ",\n    ".join([*lines, *constraints]) + "\n)"
