"""What a flush writes: rows with their sums, dead letters, the ledger, and how far the log is in the database."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from ecompulse.store.duckdb.relations import IDENTITIES, sum_queries
from ecompulse.store.duckdb.tail import Tail, ledger_table, letters_table, replayed_table


def insert_tail(writer: duckdb.DuckDBPyConnection, frozen: Tail) -> None:
    """Write all that a tail holds, in the writer's transaction."""
    if frozen.rows:
        insert_rows(writer, frozen.table())
    if frozen.dead_letters:
        writer.register("letters", letters_table(frozen.dead_letters))
        writer.execute("insert or ignore into dead_letters select * from letters")
        writer.unregister("letters")
    if frozen.replayed:
        writer.register("replayed", replayed_table(frozen.replayed))
        writer.execute("update dead_letters set replayed_at = r.replayed_at from replayed r where r.id = dead_letters.id")
        writer.unregister("replayed")
    writer.register("counts", ledger_table(frozen.ledger))
    writer.execute("insert into ledger select * from counts on conflict do update set count = count + excluded.count")
    writer.unregister("counts")
    for partition, offset in frozen.positions.items():
        writer.execute("insert or replace into positions values (?, ?)", [partition, offset])


def insert_rows(writer: duckdb.DuckDBPyConnection, rows: pa.Table) -> None:
    """Write rows and their sums, in the writer's transaction."""
    writer.register("flushing", rows)
    writer.execute("insert into events select * from flushing")
    for table, query in sum_queries(rows).items():
        writer.execute(f"insert into {table} {query.format(rows='flushing')}")
    writer.execute(
        f"insert into identities select * from ({IDENTITIES.format(rows='flushing')}) n where not exists (select 1 from identities i "
        "where i.site = n.site and i.anonymous_id = n.anonymous_id and i.user_id = n.user_id and i.since <= n.since)"
    )
    writer.unregister("flushing")
