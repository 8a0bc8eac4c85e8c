"""What a log received, by group: counted by whoever appends, kept with the entry, and the other side of what a store says became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from ecompulse.contract.columns import SHARED_ROWS_MAX, DeadLetter, alike, nulls
from ecompulse.contract.event import EVENT_TYPES

FEW_ROWS: Final = 64
"""Rows up to which Python counts sooner than Arrow's kernels are set up (4 µs a column)."""
FEW_MIXED_ROWS: Final = 192
"""The same where a group of requests came from several senders and more columns must be looked at."""
_BY: Final = ("site", "dialect", "sender_key", "event_type")


class Group(NamedTuple):
    """What events are counted by; `key` and `event_type` are empty where unknown."""

    site: str
    dialect: str
    key: str
    event_type: str


class Tally(NamedTuple):
    """How many events of a group the door took and refused."""

    accepted: int = 0
    rejected: int = 0

    @property
    def received(self) -> int:
        """Both together."""
        return self.accepted + self.rejected


Counts = dict[Group, Tally]
"""Groups are few: sites and keys are the operator's, dialects and types are ours, and a type that is none of them is empty."""


def count(events: pa.RecordBatch | None, rejected: Sequence[DeadLetter]) -> Counts:
    """Count one group of requests: `events` (columns of `LOGGED`) were accepted, `rejected` were not."""
    counts: Counts = {}
    if events is not None and len(events):
        for group, number in _accepted(events).items():
            counts[group] = Tally(number)
    for letter in rejected:
        group = group_of(letter.site, letter.dialect, letter.sender_key, letter.event_type)
        before = counts.get(group, Tally())
        counts[group] = Tally(before.accepted, before.rejected + 1)
    return counts


def group_of(site: str, dialect: str, key: str | None, event_type: str | None) -> Group:
    """The group of an event; whatever a sender wrote as its type must not make groups without end."""
    return Group(site, dialect, key or "", event_type if event_type is not None and event_type in EVENT_TYPES else "")


def add(into: Counts, more: Mapping[Group, Tally]) -> None:
    """Add counts to others, in place."""
    for group, tally in more.items():
        before = into.get(group)
        into[group] = tally if before is None else Tally(before.accepted + tally.accepted, before.rejected + tally.rejected)


def subtract(counts: Mapping[Group, Tally], less: Mapping[Group, Tally]) -> Counts:
    """What is left of counts without others; groups of which nothing is left are left out."""
    left = {group: Tally(*(a - b for a, b in zip(tally, less.get(group, Tally()), strict=True))) for group, tally in counts.items()}
    return {group: tally for group, tally in left.items() if any(tally)}


def total(counts: Mapping[Group, Tally]) -> int:
    """Events received, over all groups."""
    return sum(tally.accepted + tally.rejected for tally in counts.values())


def pack(counts: Mapping[Group, Tally]) -> str:
    """Counts as JSON: `[[site, dialect, key, event_type, accepted, rejected], …]`."""
    return msgspec.json.encode([(*group, *tally) for group, tally in counts.items()]).decode()


_rows = msgspec.json.Decoder(list[tuple[str, str, str, str, int, int]])


def unpack(text: str) -> Counts:
    """The counts of `pack`.

    Raises:
        msgspec.MsgspecError: it is something else.
    """
    return {Group(*row[:4]): Tally(*row[4:]) for row in _rows.decode(text)}


def _accepted(events: pa.RecordBatch) -> Mapping[Group, int]:
    names = events.schema.names
    columns = [events.column(names.index(name)) if name in names else nulls(len(events), pa.string()) for name in _BY]
    if len(events) <= FEW_ROWS:
        return _by_row(columns)
    same = [_alike(column) for column in columns[:3]]
    if None in same:
        return _by_row(columns) if len(events) <= FEW_MIXED_ROWS else _by_column(columns, same)
    site, dialect, key = same
    found = columns[3].value_counts()
    return {
        Group(site or "", dialect or "", key or "", kind): number
        for kind, number in zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)
    }


def _alike(column: pa.Array) -> str | None:
    """What every row says, empty for null; None where rows differ. The usual case: a batch comes from one sender."""
    if column.null_count == len(column):
        return ""
    first: str | None = column[0].as_py()
    if len(column) > SHARED_ROWS_MAX:
        return first if len(column.unique()) == 1 else None
    return first if first is not None and column.equals(alike(first, len(column))) else None  # a sixth of `unique`: nothing is built


def _by_row(columns: Sequence[pa.Array]) -> Mapping[Group, int]:
    site, dialect, key, kind = (column.to_pylist() for column in columns)
    return {Group(*group): number for group, number in Counter(zip(site, dialect, [one or "" for one in key], kind, strict=True)).items()}


def _by_column(columns: Sequence[pa.Array], same: Sequence[str | None]) -> Mapping[Group, int]:
    """Each row as one number made of the places of its texts, and those numbers counted."""
    codes = np.zeros(len(columns[0]), np.int64)
    names: list[list[str]] = []
    for column, text in zip(columns, [*same, None], strict=True):
        if text is not None:
            names.append([text])
            continue
        encoded = (column.fill_null("") if column.null_count else column).dictionary_encode()
        names.append(encoded.dictionary.to_pylist())
        codes = codes * len(names[-1]) + encoded.indices.to_numpy()
    found, numbers = np.unique(codes, return_counts=True)
    counts: dict[Group, int] = {}
    for code, number in zip(found.tolist(), numbers.tolist(), strict=True):
        texts = []
        for values in reversed(names):
            code, place = divmod(code, len(values))  # noqa: PLW2901  the number is taken apart
            texts.append(values[place])
        counts[Group(*reversed(texts))] = number
    return counts
