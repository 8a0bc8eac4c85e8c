"""A checkpoint that joins row groups takes a second or two: questions go on meanwhile, and at full pace none are joined."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.analyze.stocked import DAY, Stocked, event

from ecompulse.store.duckdb import DuckDBStore, checkpoints
from ecompulse.store.duckdb.database import FLUSHES_SEEN

FULL = 10
"""What counts as a full row group here: in earnest it is 122,880 rows."""


@pytest.fixture
def stocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stocked]:
    """A store with a checkpoint after each flush."""
    monkeypatch.setattr(checkpoints, "CHECKPOINT_BYTES", 0)
    monkeypatch.setattr(checkpoints, "ROW_GROUP_ROWS", FULL)
    one = Stocked(tmp_path)
    yield one
    one.store.close()


def flush(stocked: Stocked, rows: int) -> None:
    stocked.add([event("page_view", DAY, None, page_path="/") for _ in range(rows)])
    stocked.flush()


def row_groups(store: DuckDBStore) -> list[int]:
    """How many rows each row group of events has."""
    with store.cursor() as cursor:
        found = cursor.execute(
            "select sum(count) from pragma_storage_info('events') where column_name = 'event_id' and segment_type <> 'VALIDITY' "
            "group by row_group_id order by row_group_id"
        ).fetchall()
    return [int(count) for (count,) in found]


def test_what_each_question_asks_first_scans_one_row_without_a_filter(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path)
    with store.cursor() as cursor:
        assert len(cursor.execute(FLUSHES_SEEN).fetchall()) == 1
        (row,) = cursor.execute(f"explain {FLUSHES_SEEN}").fetchall()
    assert "flushes" in row[1]
    assert "Filters" not in row[1], "DuckDB takes a lock for it that a checkpoint holds while it joins row groups"
    store.close()


def test_at_full_pace_no_row_group_is_written_again(stocked: Stocked) -> None:
    flush(stocked, FULL - 3)  # a tail that was written before it was full, for its age
    for rows in (3, FULL, FULL):
        flush(stocked, rows)
    assert row_groups(stocked.store) == [FULL - 3, 3, FULL, FULL]


def test_once_it_is_calm_they_are_joined(stocked: Stocked) -> None:
    for rows in (FULL, FULL, 2):
        flush(stocked, rows)
    assert row_groups(stocked.store) == [FULL, FULL, 2], "it may have been a pause"
    flush(stocked, 3)
    assert row_groups(stocked.store) == [2 * FULL + 5]


def test_at_full_pace_they_are_joined_now_and_then(stocked: Stocked) -> None:
    for _ in range(2):
        flush(stocked, FULL)
    stocked.store._checkpoints._joined_at -= checkpoints.JOIN_SECONDS
    flush(stocked, FULL)
    assert row_groups(stocked.store) == [3 * FULL]
    flush(stocked, FULL)
    assert row_groups(stocked.store) == [3 * FULL, FULL]


def test_a_checkpoint_that_is_being_made_is_not_waited_for(stocked: Stocked) -> None:
    with stocked.store._checkpoints._lock:
        flush(stocked, FULL)
    flush(stocked, FULL)
    assert sum(row_groups(stocked.store)) == 2 * FULL
