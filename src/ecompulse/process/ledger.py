"""The ledger: what became of every event received. The log says how many came, the store what each became, and both must agree.

The two sides share no counter: the collector counts by group when it appends, the engine when it stores.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from msgspec import Struct

from ecompulse.log.received import Counts, Group, Tally, add, subtract, total
from ecompulse.log.sqlite.counts import Known
from ecompulse.store.duckdb.snapshot import DuckDBSnapshot

GROUPS: Final = ("site", "dialect", "key", "type")
"""What the ledger can be told by."""
LOST: Final = Group("default", "log", "", "")
"""How events are counted that could not be read from the log: each stretch is one dead letter that names its offsets."""
_STRETCH: Final = re.compile(r"offsets \d+ to (\d+)")
"""The last offset that a letter of the log names; the first is the letter's own, since an entry may have been read in part before."""

_SUMS: Final = """
coalesce(sum(count) filter (outcome = 'stored'), 0)::bigint as stored,
coalesce(sum(count) filter (outcome = 'duplicate'), 0)::bigint as duplicates,
coalesce(sum(count) filter (outcome = 'dead_letter'), 0)::bigint as dead_letters
"""
_TOTALS: Final = f"""
select site, {_SUMS}, (select coalesce(sum(count), 0)::bigint from dead_letters_let_go) as dead_letters_let_go
from ledger group by grouping sets ((), (site)) order by grouping(site) desc, sum(count) desc, site limit 1001
"""


class Door(Protocol):
    """What the log says that it received, by group: `ecompulse.log.sqlite.ReceivedCounts`."""

    def upto(self, positions: Mapping[int, int]) -> dict[int, Known]:
        """Up to these positions (partition → offset)."""

    def within(self, partition: int, start: int, end: int) -> Counts:
        """Within these offsets of a partition, as far as its files are there."""


class Line(Struct, frozen=True, kw_only=True):
    """One group of the ledger, both sides of it.

    What the store accounts for, `stored + duplicates + dead_letters`, must lie between `at_least` and `at_most`, which are what the door
    counted up to the store's position. They differ only where the groups of some events are not known: those of logs written before groups
    were counted, and of stretches that cannot be read.
    """

    site: str
    dialect: str
    key: str
    type: str
    received: int
    """Of which `accepted` by the door and `rejected` there."""
    accepted: int
    rejected: int
    stored: int
    duplicates: int
    dead_letters: int
    in_flight: int
    """Received, but not yet taken up by the store."""
    at_least: int
    at_most: int
    rejected_at_least: int
    """How many the door rejected up to the store's position: so many dead letters there must be."""

    @property
    def accounted(self) -> int:
        """What the store says."""
        return self.stored + self.duplicates + self.dead_letters

    @property
    def balanced(self) -> bool:
        """Whether both sides agree."""
        return self.at_least <= self.accounted <= self.at_most and self.dead_letters >= self.rejected_at_least


class Lost(Struct, frozen=True):
    """Stretches of the log that could not be read, as their dead letters name them."""

    stretches: Sequence[tuple[int, int, int]]
    """Partition, first offset, the offset after the last."""
    let_go: bool
    """Whether some of those letters are not kept any more: then the stretches are not all."""


def totals(snapshot: DuckDBSnapshot, ends: Mapping[int, int], as_of: datetime) -> dict[str, Any]:
    """The equation `received = stored + duplicates + dead_letters + in_flight`, over everything.

    `dead_letters_let_go` says how many of the dead letters are counted only: their bytes were let go by age or size. `sites` says of each
    site what became of its events, of a thousand at most, those with the most first.

    Args:
        snapshot: the store; `snapshot.positions` belongs to the same moment as its rows.
        ends: the end of each partition of the log, taken after the snapshot.
        as_of: how complete the store is.
    """
    row, *sites = snapshot.query(_TOTALS).to_pylist()
    gone = row.pop("dead_letters_let_go")
    del row["site"]
    accounted, received = sum(snapshot.positions.values()), sum(_furthest(snapshot.positions, ends).values())
    balanced = accounted == row["stored"] + row["duplicates"] + row["dead_letters"]
    return {
        "received": received, **row, "in_flight": received - accounted, "balanced": balanced,
        "as_of": as_of.astimezone(UTC).isoformat().replace("+00:00", "Z"), "dead_letters_let_go": gone,
        "sites": {one["site"]: {name: one[name] for name in row} for one in sites},
    }  # fmt: skip


def account(snapshot: DuckDBSnapshot, ends: Mapping[int, int], as_of: datetime, door: Door, site: str | None = None) -> dict[str, Any]:
    """`totals` with positions, every group, and sums by site, dialect, key and type; groups are of one site, or of all."""
    told = lines(snapshot, ends, door)
    whole = totals(snapshot, ends, as_of)
    del whole["sites"]  # `by_site` says more
    whole["balanced"] = whole["balanced"] and all(line.balanced for line in told)
    shown = [line for line in told if site is None or line.site == site]
    return {
        **whole,
        "positions": positions(snapshot.positions, ends),
        **{f"by_{name}": _summed(shown, name) for name in GROUPS},
        "groups": [{name: getattr(line, name) for name in (*Line.__struct_fields__, "balanced")} for line in shown],
    }


def positions(had: Mapping[int, int], ends: Mapping[int, int]) -> list[dict[str, int]]:
    """Each partition of the log: how many events it received, how many of them the store has accounted for, how many wait."""
    return [
        {"partition": partition, "received": end, "position": had.get(partition, 0), "waiting": end - had.get(partition, 0)}
        for partition, end in sorted(_furthest(had, ends).items())
    ]


def lines(snapshot: DuckDBSnapshot, ends: Mapping[int, int], door: Door) -> list[Line]:
    """Both sides of every group, the largest first."""
    outcomes = _outcomes(snapshot)
    lost = lost_stretches(snapshot)
    lost_events = sum(outcomes.get(LOST, (0, 0, 0)))
    upto, received = door.upto(snapshot.positions), door.upto(_furthest(snapshot.positions, ends))
    known, waiting, found = _merged(upto), _merged(received), _within(lost, door)
    expected, in_flight = subtract(known, found), subtract(waiting, known)
    unknown = max(0, sum(one.unknown for one in upto.values()))
    lost_unknown = lost_events - total(found)
    told = [
        _line(group, expected.get(group, Tally()), outcomes.get(group, (0, 0, 0)), in_flight.get(group, Tally()), (lost_unknown, unknown))
        for group in (expected.keys() | outcomes.keys() | in_flight.keys()) - {LOST}
    ]
    if lost_events or lost.stretches:
        named = sum(end - start for _, start, end in lost.stretches)
        told.append(_lost_line(outcomes.get(LOST, (0, 0, 0)), named, named if not lost.let_go else lost_events))
    return sorted(told, key=lambda line: (-line.received, line.site, line.dialect, line.key, line.type))


def lost_stretches(snapshot: DuckDBSnapshot) -> Lost:
    """What the store could not read of the log."""
    rows = snapshot.query("select id, reason from dead_letters where dialect = 'log'").to_pylist()
    stretches = []
    for row in rows:
        named = _STRETCH.search(row["reason"])
        if named is not None:
            partition, start = row["id"].split("-")
            stretches.append((int(partition), int(start), int(named[1]) + 1))
    gone = snapshot.query("select count(*) as gone from dead_letters_let_go where dialect = 'log'").to_pylist()[0]["gone"]
    return Lost(stretches, let_go=bool(gone))


def _outcomes(snapshot: DuckDBSnapshot) -> dict[Group, tuple[int, int, int]]:
    rows = snapshot.query(f"select site, dialect, key, event_type, {_SUMS} from ledger group by all").to_pylist()
    return {
        Group(row["site"], row["dialect"], row["key"], row["event_type"]): (row["stored"], row["duplicates"], row["dead_letters"])
        for row in rows
        if row["stored"] or row["duplicates"] or row["dead_letters"]
    }


def _furthest(had: Mapping[int, int], ends: Mapping[int, int]) -> dict[int, int]:
    return {partition: max(had.get(partition, 0), ends.get(partition, 0)) for partition in had.keys() | ends.keys()}


def _merged(known: Mapping[int, Known]) -> Counts:
    counts: Counts = {}
    for one in known.values():
        add(counts, one.counts)
    return counts


def _within(lost: Lost, door: Door) -> Counts:
    counts: Counts = {}
    for partition, start, end in lost.stretches:
        add(counts, door.within(partition, start, end))
    return counts


def _line(group: Group, door: Tally, outcomes: tuple[int, int, int], waits: Tally, open_: tuple[int, int]) -> Line:
    less, more = open_
    at_least, at_most = max(0, door.received - less), door.received + more
    accounted = sum(outcomes)
    agreed = accounted if at_least <= accounted <= at_most else door.received  # where groups are not known, the store's word is taken
    return Line(
        site=group.site, dialect=group.dialect, key=group.key, type=group.event_type,
        received=agreed + waits.received, accepted=door.accepted + waits.accepted, rejected=door.rejected + waits.rejected,
        stored=outcomes[0], duplicates=outcomes[1], dead_letters=outcomes[2], in_flight=waits.received,
        at_least=at_least, at_most=at_most, rejected_at_least=max(0, door.rejected - less),
    )  # fmt: skip


def _lost_line(outcomes: tuple[int, int, int], at_least: int, at_most: int) -> Line:
    return Line(
        site=LOST.site, dialect=LOST.dialect, key=LOST.key, type=LOST.event_type, received=at_most, accepted=0, rejected=0,
        stored=outcomes[0], duplicates=outcomes[1], dead_letters=outcomes[2], in_flight=0,
        at_least=at_least, at_most=at_most, rejected_at_least=0,
    )  # fmt: skip


_FIGURES: Final = ("received", "accepted", "rejected", "stored", "duplicates", "dead_letters", "in_flight")


def _summed(told: Sequence[Line], name: str) -> list[dict[str, Any]]:
    sums: dict[str, Counter[str]] = {}
    for line in told:
        sums.setdefault(getattr(line, name), Counter()).update({one: getattr(line, one) for one in (*_FIGURES, "at_least", "at_most")})
    ordered = sorted(sums.items(), key=lambda entry: (-entry[1]["received"], entry[0]))
    return [
        {
            name: key or None,
            **{figure: found[figure] for figure in _FIGURES},
            "balanced": found["at_least"] <= found["stored"] + found["duplicates"] + found["dead_letters"] <= found["at_most"],
        }
        for key, found in ordered
    ]
