"""Bring a store up to this version's tables."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import duckdb

from ecompulse.store import StoreError
from ecompulse.store.duckdb.relations import MIGRATIONS, REMADE, ROW_GROUP_ROWS, SUMS

logger = logging.getLogger(__name__)

REMAKE_ROWS: Final = 4 * ROW_GROUP_ROWS
"""Events whose sums are made at once: some seconds, and far from the memory limit."""


def bring_up(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Make the tables of all versions that the store at `path` does not have yet, in one transaction.

    Raises:
        StoreError: a later ecompulse made it.
    """
    connection.execute("create table if not exists version (version integer not null)")
    row = connection.execute("select max(version) from version").fetchone()
    have = row[0] if row and row[0] is not None else 0
    if have > len(MIGRATIONS):
        raise StoreError(f"{path}: made by a later ecompulse (store version {have}, this one knows {len(MIGRATIONS)}); upgrade ecompulse")
    if have == len(MIGRATIONS):
        return
    connection.begin()
    for number, statements in enumerate(MIGRATIONS[have:], have + 1):
        for statement in statements:
            connection.execute(statement)
        connection.execute("insert into version values (?)", [number])
    for table in {table for number, tables in REMADE.items() if number > have for table in tables}:
        _remake(connection, path, table)
    connection.commit()


def _remake(connection: duckdb.DuckDBPyConnection, path: Path, table: str) -> None:
    """Fill a table of sums that has nothing from the events, piece by piece: all at once would need memory for all."""
    found = connection.execute("select coalesce(max(rowid) + 1, 0) from events").fetchone()
    rows = found[0] if found else 0
    for start in range(0, rows, REMAKE_ROWS):
        piece = f"(select * from events where rowid >= {start} and rowid < {start + REMAKE_ROWS})"
        connection.execute(f"insert into {table} {SUMS[table].format(rows=piece)}")
        done = min(start + REMAKE_ROWS, rows)
        logger.info("%s: %s is made anew for this version, %d of %d events done", path, table, done, rows)
