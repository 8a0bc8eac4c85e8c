"""A kill while sums of finished hours are merged leaves each of them as it was or merged, and loses nothing."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.analyze.stocked import DAY, Stocked, event, purchase

from ecompulse.store.duckdb import DuckDBStore

MERGE = """
import os, pathlib, sys
from ecompulse.store.duckdb.connect import Options
from ecompulse.store.duckdb.database import DuckDBStore
store = DuckDBStore(pathlib.Path(sys.argv[1]), Options(threads=1))  # strace counts the calls of each thread
store.merge_sums(float(sys.argv[2]), 3600, lambda: False)
os._exit(0)
"""
CALLS = ("write", "fdatasync")
"""What a merge does to the store's write-ahead log."""
SESSIONS = "select * from sessions order by all"
TOTALS = "select minute, event_type, sum(events)::bigint as events, sum(amount) as amount from minute_totals group by all order by all"
ROWS = "select (select count(*) from session_parts) as parts, (select count(*) from minute_totals) as totals"


def traced(folder: Path, *options: str) -> tuple[int, str]:
    """Merge under strace, looking at the write-ahead log alone; returns how that ended, and the calls."""
    out = folder.parent / "calls"
    merging = [sys.executable, "-c", MERGE, str(folder), str((DAY + timedelta(days=1)).timestamp())]
    command = ["strace", "-f", "-qq", "-o", str(out), "-P", str(folder / "events.duckdb.wal"), "-e", "trace=" + ",".join(CALLS), *options]
    done = subprocess.run([*command, *merging], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    return done.returncode, out.read_text(errors="replace")


def told(folder: Path) -> tuple[list[list[dict[str, Any]]], dict[str, int]]:
    """What a store says of its sums, and in how many rows."""
    store = DuckDBStore(folder)
    with store.snapshot() as snapshot:
        found = [snapshot.query(sql).to_pylist() for sql in (SESSIONS, TOTALS, ROWS)]
    store.close()
    return found[:2], found[2][0]


def test_a_kill_at_each_write_of_a_merge_loses_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    stocked = Stocked(tmp_path / "whole")
    for second in range(6):
        for user in ("a", "b"):
            when = DAY + timedelta(seconds=second)
            stocked.add([event("page_view", when, user, page_path="/"), purchase(when, user, ("P", 1, "9.50"))])
        stocked.flush()
    stocked.store.close()
    before, rows = told(tmp_path / "whole")

    def killed(*options: str) -> tuple[int, str]:
        shutil.rmtree(tmp_path / "killed", ignore_errors=True)
        shutil.copytree(tmp_path / "whole", tmp_path / "killed")
        return traced(tmp_path / "killed", *options)

    ended, calls = killed()
    merged = told(tmp_path / "killed")
    assert (ended, merged[0]) == (0, before)
    assert merged[1]["parts"] == 2 < rows["parts"]
    assert merged[1]["totals"] == 2 < rows["totals"]
    seen = []
    for call in CALLS:
        many = len(re.findall(rf"^\d+ +{call}\(", calls, re.MULTILINE))
        assert many, calls
        for when in range(1, many + 1):
            assert killed("-e", f"inject={call}:signal=KILL:when={when}")[0] == -signal.SIGKILL  # strace ends as what it started
            left = told(tmp_path / "killed")
            assert left[0] == before, (call, when)
            seen.append(left[1])
    assert all(left["parts"] in (2, rows["parts"]) and left["totals"] in (2, rows["totals"]) for left in seen), "a slice is merged or not"
    assert rows in seen, "killed before anything was merged"
    assert any(2 in left.values() for left in seen), "killed after something was merged"
