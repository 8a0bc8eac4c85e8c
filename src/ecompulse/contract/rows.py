"""Events on their way from bytes to columns, as tuples of their values.

A struct of fifty fields that is taken up again much later has left the processor's cache, and most of what it says is None. The tuples that
counting and columns need in any case are made while it is still there, and the struct is let go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, overload

from msgspec import Struct
from msgspec.structs import astuple

from ecompulse.contract.event import ENVELOPE_FIELDS, ITEM_FIELDS, METADATA_FIELDS, PROPERTY_FIELDS, Event, KeptEvent, Metadata, Properties

Values = tuple[Any, ...]
_ABOUT: Final = ENVELOPE_FIELDS.index("properties")
_HOW: Final = ENVELOPE_FIELDS.index("metadata")
ENVELOPE: Final = ENVELOPE_FIELDS[:_ABOUT]
"""The fields of the envelope but properties and metadata, which are its last."""
_SENT_AT: Final = ENVELOPE.index("sent_at")
_ITEMS: Final = PROPERTY_FIELDS.index("items")
_NAMES: Final = len(ENVELOPE_FIELDS)
_NO_PROPERTIES: Final = astuple(Properties())
_NO_METADATA: Final = astuple(Metadata())


class Rest(Struct, frozen=True, gc=False):
    """What an event holds that the contract does not name, as JSON, by where it stood."""

    properties: str | None
    metadata: str | None
    envelope: str | None
    items: tuple[str | None, ...]


class EventRows(Sequence[Event]):
    """Events by their values: a sequence of events, each made anew when it is asked for."""

    __slots__ = ("abouts", "envelopes", "hows", "rests")

    def __init__(self, envelopes: list[Values], abouts: list[Values], hows: list[Values], rests: dict[int, Rest]) -> None:
        """Of each event the values of `ENVELOPE`, of its properties and of its metadata; and by its place what of it nobody named.

        Behind the values that the contract names may stand others (see `own`).
        """
        self.envelopes, self.abouts, self.hows, self.rests = envelopes, abouts, hows, rests

    @classmethod
    def of(cls, events: Iterable[Event]) -> EventRows:
        """The rows of events."""
        rows = list(map(astuple, events))
        rests = (
            {}
            if set(map(len, rows)) <= {len(ENVELOPE_FIELDS)}
            else {n: Rest(*row[_HOW + 1 :]) for n, row in enumerate(rows) if len(row) > _HOW + 1}
        )
        abouts, hows = [row[_ABOUT] for row in rows], [row[_HOW] for row in rows]
        return cls(
            [row[:_ABOUT] for row in rows],
            list(map(astuple, abouts)) if all(abouts) else [_NO_PROPERTIES if one is None else astuple(one) for one in abouts],
            list(map(astuple, hows)) if all(hows) else [_NO_METADATA if one is None else astuple(one) for one in hows],
            rests,
        )

    @classmethod
    def of_one(cls, event: Event) -> EventRows:
        """The row of one event of the contract's names only: in a third of the time, as most requests of browsers hold one."""
        row = astuple(event)
        about, how = row[_ABOUT], row[_HOW]
        return cls(
            [row[:_ABOUT]],
            [_NO_PROPERTIES if about is None else astuple(about)],
            [_NO_METADATA if how is None else astuple(how)],
            {},
        )

    @classmethod
    def joined(cls, parts: Sequence[EventRows]) -> EventRows:
        """The rows of all parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        envelopes: list[Values] = []
        abouts: list[Values] = []
        hows: list[Values] = []
        rests: dict[int, Rest] = {}
        for part in parts:  # mostly of one event each
            if part.rests:
                start = len(envelopes)
                rests.update({start + place: rest for place, rest in part.rests.items()})
            envelopes += part.envelopes
            abouts += part.abouts
            hows += part.hows
        return cls(envelopes, abouts, hows, rests)

    def part(self, start: int, stop: int) -> EventRows:
        """The rows from `start` to before `stop`."""
        if stop - start == len(self):
            return self
        rests = {place - start: rest for place, rest in self.rests.items() if start <= place < stop}
        return EventRows(self.envelopes[start:stop], self.abouts[start:stop], self.hows[start:stop], rests)

    def __len__(self) -> int:
        return len(self.envelopes)

    @overload
    def __getitem__(self, place: int) -> Event: ...
    @overload
    def __getitem__(self, place: slice) -> list[Event]: ...
    def __getitem__(self, place: int | slice) -> Event | list[Event]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        about, how, rest = self.abouts[place], self.hows[place], self.rests.get(place % len(self))
        values = (
            *self.envelopes[place],
            None if about is _NO_PROPERTIES else Properties(*about[: len(PROPERTY_FIELDS)]),
            None if how is _NO_METADATA else Metadata(*how[: len(METADATA_FIELDS)]),
        )
        return Event(*values) if rest is None else KeptEvent(*values, *astuple(rest))

    def __iter__(self) -> Iterator[Event]:
        return map(self.__getitem__, range(len(self)))

    def put(self, place: int, event: Event) -> None:
        """Let another event stand at a place."""
        other = EventRows.of([event])
        self.envelopes[place], self.abouts[place], self.hows[place] = other.envelopes[0], other.abouts[0], other.hows[0]
        self.keep(place, other.rests.get(0))

    def keep(self, place: int, rest: Rest | None) -> None:
        """Let an event hold beside what was named this, and nothing else."""
        if rest is None:
            self.rests.pop(place, None)
        else:
            self.rests[place] = rest

    def without(self, gone: set[int]) -> EventRows:
        """The rows but some."""
        return EventRows.of(event for place, event in enumerate(self) if place not in gone) if gone else self

    def with_sent_at(self, sent_at: str | None) -> EventRows:
        """The same, with a time of sending for those that have none."""
        if sent_at is not None:
            envelopes = [row if row[_SENT_AT] is not None else (*row[:_SENT_AT], sent_at, *row[_SENT_AT + 1 :]) for row in self.envelopes]
            return EventRows(envelopes, self.abouts, self.hows, self.rests)
        return self

    def names(self) -> list[int]:
        """From how many names each event was read, if nothing was given as null and there were no others."""
        return list(map(_names, self.envelopes, self.abouts, self.hows))


def _names(envelope: Values, about: Values, how: Values) -> int:
    names = len(about) + len(how) + _NAMES - envelope.count(None) - about.count(None) - how.count(None)
    if about is _NO_PROPERTIES:
        names -= 1
    elif about[_ITEMS]:
        names += sum(len(ITEM_FIELDS) - astuple(line).count(None) for line in about[_ITEMS])
    return names - 1 if how is _NO_METADATA else names
