"""The ledger: what became of every event received. The log says how many came, the store what each became, and both must agree."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ecompulse.store.duckdb.database import DuckDBSnapshot

GROUPS: Final = {"site": "site", "dialect": "dialect", "key": "key", "type": "event_type"}
"""What the ledger can be told by → its column."""

_SUMS: Final = """
coalesce(sum(count) filter (outcome = 'stored'), 0)::bigint as stored,
coalesce(sum(count) filter (outcome = 'duplicate'), 0)::bigint as duplicates,
coalesce(sum(count) filter (outcome = 'dead_letter'), 0)::bigint as dead_letters
"""


def totals(snapshot: DuckDBSnapshot, ends: Mapping[int, int], as_of: datetime) -> dict[str, Any]:
    """The equation `received = stored + duplicates + dead_letters + in_flight`, over everything.

    `dead_letters_let_go` says how many of the dead letters are counted only: their bytes were let go by age or size.

    Args:
        snapshot: the store; `snapshot.positions` belongs to the same moment as its rows.
        ends: the end of each partition of the log, taken after the snapshot.
        as_of: how complete the store is.
    """
    row = snapshot.query(f"select {_SUMS} from ledger").to_pylist()[0]
    gone = snapshot.query("select coalesce(sum(count), 0)::bigint as dead_letters_let_go from dead_letters_let_go").to_pylist()[0]
    accounted = sum(snapshot.positions.values())
    received = sum(max(end, snapshot.positions.get(partition, 0)) for partition, end in ends.items())
    received += sum(position for partition, position in snapshot.positions.items() if partition not in ends)
    balanced = accounted == row["stored"] + row["duplicates"] + row["dead_letters"]
    return {
        "received": received, **row, "in_flight": received - accounted, "balanced": balanced,
        "as_of": as_of.astimezone(UTC).isoformat().replace("+00:00", "Z"), **gone,
    }  # fmt: skip


def grouped(snapshot: DuckDBSnapshot, by: str) -> dict[str, Any]:
    """The outcomes by site, dialect, key or type (keys of `GROUPS`), the largest first."""
    rows = snapshot.query(
        f'select {GROUPS[by]} as "{by}", {_SUMS} from ledger group by 1 order by sum(count) desc, 1 limit 1000'
    ).to_pylist()
    return {"items": rows}
