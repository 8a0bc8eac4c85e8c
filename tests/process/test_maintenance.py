"""What is done beside the stream: sums of finished hours are merged, and counted, unless the store is behind or carried over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.analyze.stocked import Stocked, event
from tests.conftest import wait_until

from ecompulse.log.sqlite.retain import Retained, retain
from ecompulse.observe import metrics
from ecompulse.process import maintenance
from ecompulse.process.maintenance import BEHIND_SECONDS, Maintenance
from ecompulse.store.duckdb.letters import Keep

YESTERDAY = datetime.now(UTC).replace(minute=0, second=0) - timedelta(days=1)
NOW = datetime.now(UTC).timestamp()


@pytest.fixture
def stocked(tmp_path: Path) -> Iterator[Stocked]:
    """A store with one key in four flushes."""
    one = Stocked(tmp_path / "store")
    for second in range(4):
        one.add([event("page_view", YESTERDAY + timedelta(seconds=second))])
        one.flush()
    yield one
    one.store.close()


def looking_after(stocked: Stocked) -> Maintenance:
    return Maintenance(stocked.store.folder.parent, (60.0, 10**9), Keep(), lambda: stocked.store)


def parts(stocked: Stocked) -> int:
    with stocked.snapshot(10) as snapshot:
        return int(snapshot.query("select count(*) as n from session_parts").to_pylist()[0]["n"])


def saved(table: str) -> float:
    return metrics.REGISTRY.get_sample_value("ecompulse_store_rows_merged_total", {"table": table}) or 0.0


def test_rows_that_merging_saves_are_counted_by_table(stocked: Stocked) -> None:
    before = {table: saved(table) for table in ("session_parts", "minute_totals")}
    looking_after(stocked).merge_sums(stocked.store, NOW)
    assert parts(stocked) == 1
    assert {table: saved(table) - count for table, count in before.items()} == {"session_parts": 3, "minute_totals": 3}


def test_nothing_is_merged_while_the_store_is_behind(stocked: Stocked) -> None:
    stocked.store.caught_up(stocked.store.as_of().timestamp() - 60)
    assert stocked.store.lag_seconds() > BEHIND_SECONDS
    looking_after(stocked).merge_sums(stocked.store, NOW)
    assert parts(stocked) == 4


def test_it_waits_until_the_store_is_carried_over_and_then_goes_on(stocked: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "PACE_SECONDS", 0.01)
    monkeypatch.setattr(maintenance, "BEHIND_SECONDS", 3600.0)  # nobody says here that the store has all
    looked: list[Retained] = []

    def look(*given: Any) -> Retained:
        looked.append(retain(*given))
        return looked[-1]

    monkeypatch.setattr(maintenance, "retain", look)
    running = looking_after(stocked)
    with running.paused:
        running.start()
        wait_until(lambda: len(looked) > 3, 10, "some rounds")
        assert parts(stocked) == 4
    wait_until(lambda: parts(stocked) == 1, 10, "the merged row")
    running.stop()
