"""Each event that the log still holds, looked for in a store: which ids and offsets are missing, or are not what was received."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from msgspec import Struct

from ecompulse.contract.columns import widened
from ecompulse.log import DamagedEntry, Entry, LogError
from ecompulse.log.received import group_of
from ecompulse.log.sqlite import SqliteReader, file
from ecompulse.process.fingerprint import fingerprints
from ecompulse.run.verify import NAMED_MAX, Ask, Checked

READ_EVENTS: Final = 1_000
"""Events looked for at once: less than a query of the API may answer rows."""
_SAME: Final = ("site", "dialect", "sender_key", "event_type", "user_id", "anonymous_id", "session_id", "order_id", "product_id")
"""Columns that no step changes."""


class _Seen(Struct):
    """What was found so far; only the first of them are kept."""

    disagreements: int = 0
    named: list[tuple[str, str, str]] = []
    failed: set[str] = set()
    """Ids of accepted events that are dead letters: what comes again under them is a duplicate without a row."""

    def add(self, place: str, expected: str, found: str) -> None:
        self.disagreements += 1
        if len(self.named) < NAMED_MAX:
            self.named.append((place, expected, found))


def trace(ask: Ask, positions: Mapping[int, int], log: Path, *, let_go: bool = False) -> Checked:
    """Compare a store with what the log holds of the events before these positions of the store.

    Args:
        ask: of the store.
        positions: partition → how far the store has accounted for it.
        log: the log's folder.
        let_go: dead letters were let go, so that one that is missing is no fault.
    """
    seen = _Seen()
    for entry in _entries(log, positions):
        rows = {int(row[0]): row for row in ask(_rows(entry))}
        accepted = _accepted(entry, rows, ask, seen, let_go=let_go)
        _rejected(entry, accepted, rows, ask, seen, let_go=let_go)
    return Checked(
        "each event that the log still holds is a row, a duplicate or a dead letter, as it was received", seen.disagreements, seen.named
    )


def _entries(log: Path, positions: Mapping[int, int]) -> Iterator[Entry]:
    """What is readable of the log before the positions; what is damaged has its letter, and is passed over."""
    reader = SqliteReader(log, "verify")
    try:
        for partition, end in positions.items():
            firsts = file.firsts(log, partition)
            position = firsts[0] if firsts else end
            others = {other: 2**62 for other in file.partitions(log) if other != partition}
            while position < end:
                try:
                    entries = reader.read({**others, partition: position}, min(READ_EVENTS, end - position))
                except DamagedEntry as error:
                    position = error.offset + error.count
                    continue
                except LogError:
                    break  # the newest file is damaged as a whole; `ecompulse doctor` says more
                if not entries:
                    break
                yield from entries
                position = entries[-1].offset + entries[-1].count
    finally:
        reader.close()


def _rows(entry: Entry) -> str:
    return (
        f"select log_offset, event_id::varchar, fingerprint::varchar, {', '.join(_SAME)} from events "
        f"where log_partition = {entry.partition} and log_offset >= {entry.offset} and log_offset < {entry.offset + entry.count}"
    )


def _accepted(entry: Entry, rows: Mapping[int, Sequence[Any]], ask: Ask, seen: _Seen, *, let_go: bool) -> int:
    """Compare the accepted events of an entry; returns how many they are."""
    if entry.events is None:
        return 0
    events = widened(entry.events)
    ids = [str(uuid.UUID(bytes=one)) for one in events.column("event_id").to_pylist()]
    columns = list(zip(*(events.column(name).to_pylist() for name in _SAME), strict=True))
    absent: list[int] = []
    for index, (event_id, received) in enumerate(zip(ids, columns, strict=True)):
        row = rows.get(entry.offset + index)
        if row is None:
            absent.append(index)
            continue
        wanted = [("event_id", event_id), *zip(_SAME, received, strict=True)]
        differ = [(name, one, other) for (name, one), other in zip(wanted, [row[1], *row[3:]], strict=True) if one != other]
        if differ:
            place = f"{entry.partition}-{entry.offset + index} · {event_id}"
            seen.add(place, _told((name, one) for name, one, _ in differ), _told((name, other) for name, _, other in differ))
    if absent:
        _absent(entry, absent, ids, ask, seen, let_go=let_go)
    return len(events)


def _absent(entry: Entry, absent: Sequence[int], ids: Sequence[str], ask: Ask, seen: _Seen, *, let_go: bool) -> None:
    """Accepted events that are no row: each must be a dead letter, or the duplicate of something."""
    assert entry.events is not None
    letters = _letters(entry.partition, [entry.offset + index for index in absent], ask)
    known = _fingerprints_of([ids[index] for index in absent], ask)
    prints = fingerprints(widened(entry.events.take(pa.array(absent)))).tolist()
    for index, content in zip(absent, prints, strict=True):
        event_id, offset = ids[index], entry.offset + index
        if offset in letters:
            if event_id not in known:
                seen.failed.add(event_id)
            continue
        place = f"{entry.partition}-{offset} · {event_id}"
        if event_id in known:
            if content not in known[event_id] and known[event_id] != {0} and not let_go and _comparable(entry, ask):
                seen.add(place, "a dead letter: its id was used before by other content", "no dead letter")
        elif event_id not in seen.failed and not let_go:
            seen.add(place, f"a row, {entry.events.column('event_type')[index].as_py()}", "neither a row nor a dead letter")


def _rejected(entry: Entry, accepted: int, rows: Mapping[int, Sequence[Any]], ask: Ask, seen: _Seen, *, let_go: bool) -> None:
    """What the door refused must be dead letters, and no rows."""
    places = [entry.offset + accepted + index for index in range(len(entry.rejected))]
    letters = _letters(entry.partition, places, ask) if places else set()
    for place, letter in zip(places, entry.rejected, strict=True):
        group = " · ".join(text or "–" for text in group_of(letter.site, letter.dialect, letter.sender_key, letter.event_type))
        if place in rows:
            seen.add(f"{entry.partition}-{place}", f"a dead letter, {group}", f"a row, {rows[place][1]}")
        elif place not in letters and not let_go:
            seen.add(f"{entry.partition}-{place}", f"a dead letter, {group}", "no dead letter")


def _letters(partition: int, offsets: Sequence[int], ask: Ask) -> set[int]:
    names = ", ".join(f"'{partition}-{offset}'" for offset in offsets)
    return {int(row[0]) for row in ask(f"select split_part(id, '-', 2)::bigint from dead_letters where id in ({names})")}


def _fingerprints_of(ids: Sequence[str], ask: Ask) -> dict[str, set[int]]:
    names = ", ".join(f"'{one}'" for one in set(ids))
    known: dict[str, set[int]] = {}
    for event_id, content in ask(f"select event_id::varchar, fingerprint::varchar from events where event_id in ({names})"):
        known.setdefault(str(event_id), set()).add(int(content))
    return known


def _comparable(entry: Entry, ask: Ask) -> bool:
    """Whether the store's fingerprints are made as today's: some row of this entry, or none to tell by, has the same."""
    assert entry.events is not None
    prints = fingerprints(widened(entry.events)).tolist()
    rows = [(int(row[0]), int(row[2])) for row in ask(_rows(entry))]
    told = [prints[offset - entry.offset] == content for offset, content in rows if offset - entry.offset < len(prints)]
    return any(told) or not told


def _told(parts: Iterator[tuple[str, object]] | Any) -> str:
    return ", ".join(f"{name} {'–' if value is None else value}" for name, value in parts)
