"""A checkpoint that joins row groups takes a second or two; questions go on meanwhile."""

from __future__ import annotations

from pathlib import Path

from ecompulse.store.duckdb import DuckDBStore
from ecompulse.store.duckdb.database import FLUSHES_SEEN


def test_what_each_question_asks_first_scans_one_row_without_a_filter(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path)
    with store.cursor() as cursor:
        assert len(cursor.execute(FLUSHES_SEEN).fetchall()) == 1
        (row,) = cursor.execute(f"explain {FLUSHES_SEEN}").fetchall()
    assert "flushes" in row[1]
    assert "Filters" not in row[1], "DuckDB takes a lock for it that a checkpoint holds while it joins row groups"
    store.close()
