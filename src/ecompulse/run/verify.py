"""`ecompulse verify`: recomputes every sum from the rows, closes the ledger against the log, and names what does not agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from ecompulse.log.received import Group, Tally
from ecompulse.log.sqlite import ReceivedCounts
from ecompulse.run.checks import CHECKS, Check
from ecompulse.store.duckdb.letters import KIND

__all__ = ["CHECKS", "NAMED_MAX", "Ask", "Checked", "reach", "verify"]

Ask = Callable[[str], list[tuple[Any, ...]]]
"""Runs a query on the store's relations and returns its rows."""

NAMED_MAX: Final = 20
"""Disagreements that are named a check; their number is told in full."""


class Checked(Struct, frozen=True):
    """What a check found: how many disagreements, and the first of them as (what, expected, found)."""

    name: str
    disagreements: int
    named: Sequence[tuple[str, str, str]] = ()

    @property
    def agrees(self) -> bool:
        """Whether there is none."""
        return not self.disagreements


def verify(ask: Ask, ledger: Mapping[str, Any], log: Path | None = None, reached: Mapping[int, int] | None = None) -> list[Checked]:
    """Run every check.

    Args:
        ask: of the store; rows may be added meanwhile.
        ledger: the answer of `/api/ledger`, or the same made offline. Without `groups` it is taken as it is.
        log: the folder of the log, to compare partition by partition with what it received.
        reached: the answer of `reach`, asked before the ledger.
    """
    checks = [_equation(ledger)]
    if "groups" in ledger:
        checks.append(_both_sides(ledger["groups"]))
    if reached is not None:
        checks.append(_behind(ledger, reached))
    if log is not None and "positions" in ledger:
        checks.append(_partitions(ask, ledger, ReceivedCounts(log)))
    return checks + [_run(check, ask) for check in CHECKS]


def _run(check: Check, ask: Ask) -> Checked:
    counted = int(ask(f"select count(*) from ({check.sql})")[0][0])
    rows = ask(f"{check.sql} limit {NAMED_MAX}") if counted else []
    return Checked(check.name, counted, [(str(what), str(expected), str(found)) for what, expected, found in rows])


def _equation(ledger: Mapping[str, Any]) -> Checked:
    parts = ("stored", "duplicates", "dead_letters", "in_flight")
    found = sum(int(ledger[part]) for part in parts)
    name = "received = stored + duplicates + dead letters + in flight"
    if found == ledger["received"]:
        return Checked(name, 0)
    told = " + ".join(f"{ledger[part]:,}" for part in parts)
    return Checked(name, 1, [("all", f"{ledger['received']:,} received", f"{told} = {found:,}")])


def _both_sides(groups: Sequence[Mapping[str, Any]]) -> Checked:
    """The door's count of each group against the store's, up to the store's positions."""
    wrong = [one for one in groups if not one["balanced"]]
    named = []
    for one in wrong[:NAMED_MAX]:
        found = one["stored"] + one["duplicates"] + one["dead_letters"]
        parts = f"{one['stored']:,} stored + {one['duplicates']:,} duplicates + {one['dead_letters']:,} dead letters = {found:,}"
        named.append(
            (_named(Group(one["site"], one["dialect"], one["key"], one["type"])), _between(one["at_least"], one["at_most"]), parts)
        )
    return Checked("each group is accounted for as often as the door received it", len(wrong), named)


def reach(ask: Ask) -> dict[int, int]:
    """Partition → the offset after the last row and dead letter that a store has of it."""
    rows = ask("select log_partition, max(log_offset) + 1 from events group by 1")
    letters = ask("select split_part(id, '-', 1)::int, max(split_part(id, '-', 2)::bigint) + 1 from dead_letters group by 1")
    reached: dict[int, int] = {}
    for partition, end in (*rows, *letters):
        reached[int(partition)] = max(int(end), reached.get(int(partition), 0))
    return reached


def _behind(ledger: Mapping[str, Any], reached: Mapping[int, int]) -> Checked:
    """What the store has of the log must lie before its positions: behind them it would be read again."""
    positions = {one["partition"]: one["position"] for one in ledger["positions"]}
    named = [
        (f"partition {partition}", f"nothing from offset {positions.get(partition, 0):,} on", f"rows or dead letters up to {end - 1:,}")
        for partition, end in reached.items()
        if end > positions.get(partition, 0)
    ]
    return Checked("nothing stands behind the positions", len(named), named[:NAMED_MAX])


def _partitions(ask: Ask, ledger: Mapping[str, Any], door: ReceivedCounts) -> Checked:
    """Rows and dead letters of each partition and group, all before the ledger's positions, against what the log received there.

    Duplicates leave no row, so of those that the ledger counts as duplicates any may belong to a partition.
    """
    positions = {one["partition"]: one["position"] for one in ledger["positions"]}
    duplicates = {Group(one["site"], one["dialect"], one["key"], one["type"]): one["duplicates"] for one in ledger.get("groups", ())}
    kept = _kept(ask, positions)
    gone = int(ledger.get("dead_letters_let_go", 0))
    lost = _lost(ask, positions)
    named = []
    for partition, known in door.upto(positions).items():
        for group in sorted(known.counts.keys() | {group for place, group in kept if place == partition}):
            received, found = known.counts.get(group, Tally()).received, kept[partition, group]
            less = duplicates.get(group, 0) + gone + lost[partition]
            if not max(0, received - less) <= found <= received + max(0, known.unknown):
                wanted = _between(max(0, received - less), received + max(0, known.unknown))
                named.append((f"partition {partition} · {_named(group)}", wanted, f"{found:,} rows and dead letters"))
    return Checked("each partition has the rows and dead letters of what it received", len(named), named[:NAMED_MAX])


def _kept(ask: Ask, positions: Mapping[int, int]) -> Counter[tuple[int, Group]]:
    kept: Counter[tuple[int, Group]] = Counter()
    for partition, position in positions.items():
        for sql in (
            f"""select site, dialect, coalesce(sender_key, ''), event_type, count(*) from events
            where log_partition = {partition} and log_offset < {position} group by all""",
            f"""select site, dialect, coalesce(sender_key, ''), {KIND} as event_type, count(*) from dead_letters
            where {_letters_of(partition, position)} and dialect <> 'log' group by all""",
        ):
            for *group, count in ask(sql):
                kept[partition, Group(*group)] += int(count)
    return kept


def _lost(ask: Ask, positions: Mapping[int, int]) -> Counter[int]:
    """Events of each partition that could not be read from the log; their letters name the last offset."""
    lost: Counter[int] = Counter()
    for partition, position in positions.items():
        sql = f"""select split_part(id, '-', 2)::bigint, regexp_extract(reason, 'offsets [0-9]+ to ([0-9]+)', 1)
        from dead_letters where {_letters_of(partition, position)} and dialect = 'log'"""
        lost[partition] = sum(int(last) + 1 - int(first) for first, last in ask(sql) if last)
    return lost


def _letters_of(partition: int, position: int) -> str:
    return f"split_part(id, '-', 1)::int = {partition} and split_part(id, '-', 2)::bigint < {position}"


def _between(at_least: int, at_most: int) -> str:
    return f"{at_most:,} received" if at_least == at_most else f"{at_least:,} to {at_most:,} received"


def _named(group: Group) -> str:
    return " · ".join(text or "–" for text in group)
