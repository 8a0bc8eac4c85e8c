"""The tables that DuckDB and Postgres make of the contract."""

import duckdb

from ecompulse.contract.columns import STORED
from ecompulse.contract.ddl import duckdb_events, postgres_events


def test_duckdb_takes_its_statement_and_has_every_column_in_order() -> None:
    with duckdb.connect() as connection:
        connection.execute(duckdb_events())
        columns = connection.execute("select column_name, data_type, is_nullable from information_schema.columns order by ordinal_position")
        rows = columns.fetchall()
    assert [name for name, _, _ in rows] == STORED.names
    assert [nullable == "YES" for _, _, nullable in rows] == [field.nullable for field in STORED]
    types = {name: kind for name, kind, _ in rows}
    assert types["event_id"] == "UUID"
    assert types["timestamp"] == "TIMESTAMP WITH TIME ZONE"
    assert types["total"] == "DECIMAL(18,4)"
    assert types["properties"] == "JSON"
    assert types["fingerprint"] == "UBIGINT"
    assert types["items"].endswith("price DECIMAL(18,4), extra VARCHAR)[]")


def test_a_statement_may_be_run_twice() -> None:
    with duckdb.connect() as connection:
        connection.execute(duckdb_events())
        connection.execute(duckdb_events())


def test_postgres_counts_an_event_once_and_keeps_money_exact() -> None:
    statement = postgres_events()
    assert 'primary key ("event_id")' in statement
    assert '"total" numeric(18, 4)' in statement
    assert '"items" jsonb' in statement
    assert '"fingerprint" numeric(20) not null' in statement
