"""Names that shops use beside the contract's, learned from their events, so that they are decoded together with all others.

A shop that adds a property of its own adds it to many events. To find such a name among the bytes of an event that was decoded already
takes longer than decoding did. So names that come again become fields of the decoder, as the contract's are. What is read is the same
either way; only a value that holds others, or null, is looked at as if its name were not known.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct
from msgspec.json import Decoder

from ecompulse.contract.event import Event, Metadata, Properties
from ecompulse.contract.kept import Wrong, rest_json
from ecompulse.contract.names import NESTING
from ecompulse.contract.rows import EventRows, Rest, Values

ENOUGH: Final = 8
"""So often a name has to come before it is learned: one that was mistyped once would only lengthen every event."""
NAMES_MAX: Final = 48
"""So many names are known at a time, of properties and of metadata each: every event is longer by them, by 5 ns a name."""
SEEN_MAX: Final = 1_024
"""So many different names are counted at a time."""
PACE_SECONDS: Final = 1.0
"""Decoders are made anew at most so often: it takes a millisecond."""
_NAME: Final = re.compile(r"[A-Za-z0-9_$][A-Za-z0-9_$.:/ -]{0,63}")
"""What may be learned: nothing that JSON could write in two ways."""

_names_of = Decoder(dict[str, Raw]).decode


class Place:
    """Names beside the contract's in one of the objects of an event. What was decoded of them stands at the end of its row."""

    def __init__(self, base: type[Struct], names: tuple[str, ...]) -> None:
        self.names, self._start = names, len(base.__struct_fields__)
        self._nothing = (None,) * len(names)
        fields = [(f"own_{n}", Any, msgspec.field(default=None, name=name)) for n, name in enumerate(names)]
        self.type = msgspec.defstruct(f"Own{base.__name__}", fields, bases=(base,), frozen=True, gc=False) if names else base
        self._rest = msgspec.defstruct("Rest", fields, omit_defaults=True, gc=False)

    def found(self, rows: list[Values]) -> dict[int, str | None]:
        """By the place of its row: what was decoded of these names, as JSON; None where that has to be looked at."""
        if not self.names:
            return {}
        start, nothing = self._start, self._nothing
        return {n: self._json(own) for n, row in enumerate(rows) if (own := row[start:]) != nothing and own}

    def _json(self, own: Values) -> str | None:
        if not NESTING.isdisjoint(map(type, own)):
            return None
        try:
            return rest_json(self._rest(*own), "")
        except Wrong:
            return None


class Reader:
    """Decoders of events with the contract's names, and some more."""

    def __init__(self, properties: tuple[str, ...] = (), metadata: tuple[str, ...] = ()) -> None:
        self.properties, self.metadata = Place(Properties, properties), Place(Metadata, metadata)
        self.learned = bool(properties or metadata)
        event: Any = Event
        if self.learned:
            inner = [("properties", self.properties.type | None, None), ("metadata", self.metadata.type | None, None)]
            event = msgspec.defstruct("OwnEvent", inner, bases=(Event,), gc=False)
        self.one: Decoder[Event] = Decoder(event)
        self.many: Decoder[list[Event]] = Decoder(list[event])
        wrapped: list[tuple[str, Any, Any] | tuple[str, Any]] = [("events", list[event]), ("sent_at", str | None, None)]
        self.wrapped: Decoder[Any] = Decoder(msgspec.defstruct("Wrapped", wrapped, forbid_unknown_fields=True))

    def take_rests(self, rows: EventRows) -> list[int]:
        """Let rows say what they hold of the names that were learned. Returns the places of those that have to be looked at."""
        if not self.learned:
            return []
        about, how = self.properties.found(rows.abouts), self.metadata.found(rows.hows)
        unsure = [place for found in (about, how) for place, text in found.items() if text is None]
        for place in about.keys() | how.keys():
            rows.rests[place] = Rest(about.get(place), how.get(place), None, ())
        return unsure


class OwnNames:
    """Which names beside the contract's come again and again; from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.reader = PLAIN
        self._clock, self._next = clock, 0.0
        self._lock = threading.Lock()
        self._seen: tuple[Counter[str], Counter[str]] = Counter(), Counter()
        self._enough = False

    def note(self, rest: Rest) -> None:
        """Count the names of what an event held that nobody named."""
        with self._lock:
            for seen, text in zip(self._seen, (rest.properties, rest.metadata), strict=True):
                for name, value in _names_of(text).items() if text is not None else ():
                    if _NAME.fullmatch(name) and bytes(value)[:1] not in b"[{n":
                        seen[name] += 1
                        self._enough |= seen[name] >= ENOUGH
                if len(seen) > SEEN_MAX:
                    seen.clear()
            if self._enough and self._clock() >= self._next:
                self._learn()

    def _learn(self) -> None:
        about, how = self._seen
        self.reader = Reader(_known(self.reader.properties.names, about), _known(self.reader.metadata.names, how))
        self._enough, self._next = False, self._clock() + PACE_SECONDS


def _known(known: tuple[str, ...], seen: Counter[str]) -> tuple[str, ...]:
    """The names to know from now on, sorted; with too many, what comes now, and what else still comes is soon learned again."""
    new = [name for name, count in seen.most_common(NAMES_MAX) if count >= ENOUGH and name not in known]
    seen.clear()
    return tuple(sorted({*known, *new} if len(known) + len(new) <= NAMES_MAX else new))


PLAIN: Final = Reader()
"""Of the contract's names alone."""
OWN: Final = OwnNames()
"""What this process has learned."""
