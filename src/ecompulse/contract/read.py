"""From bytes or dicts to events: readable or not, and which events have a field of the wrong type.

The usual body is decoded in one call, which passes over names that the contract does not know. So the names in the bytes are counted: an
event with more of them than were decoded is looked at by itself, to keep what the contract does not name, and to find a name that stands
there twice. Where decoding fails, each event is decoded alone, to say what is wrong. Values are checked later, in columns (`check`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import Raw, Struct

from ecompulse.contract.apart import apart, names_of_elements
from ecompulse.contract.event import Event
from ecompulse.contract.kept import TOO_DEEP, Wrong, has_unnamed, kept_event, may_nest_too_deeply, named_wrong
from ecompulse.contract.names import (
    SMALL,
    TWICE,
    Integers,
    name_ends,
    names_at_most,
    names_at_most_of_each,
    twice,
)
from ecompulse.contract.own import OWN, PLAIN, Reader
from ecompulse.contract.rows import EventRows
from ecompulse.contract.split import split
from ecompulse.contract.unnamed import Unsure, rest_of
from ecompulse.contract.unreadable import MALFORMED, Unreadable, unreadable


class Rejection(Struct, frozen=True):
    """Why one event of a request is not taken.

    `index` is its place in the request, `field` a path such as `properties.items.0.price` (empty: the event as a whole), `body` its bytes.
    """

    index: int
    event_id: str | None
    field: str
    reason: str
    body: bytes


class Read(Struct):
    """What a request held. `positions[i]` is the index in the request of `events[i]`; `raw(i)` gives the bytes of the event at index i."""

    events: EventRows
    positions: Sequence[int]
    rejected: list[Rejection]
    raw: Callable[[int], bytes]

    @property
    def count(self) -> int:
        """How many events the request held."""
        return len(self.positions) + len(self.rejected)


_anything = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode


def read_events(body: bytes) -> Read:
    """Read one event, an array of events or `{"events": […]}`.

    Raises:
        Unreadable: the body is no JSON or holds no event; the message says at which byte.
    """
    body = body.removeprefix(_BYTE_ORDER_MARK)
    start = body.lstrip()[:10]
    if not start:
        raise Unreadable('the body is empty: send one event, an array of events, or {"events": […]}')
    reader = OWN.reader
    try:
        try:
            read = _decoded(body, start, reader)
        except MALFORMED:
            if not reader.learned:
                raise
            read = _decoded(body, start, PLAIN)  # a value that nobody named does not keep the others from being read
    except msgspec.ValidationError:
        read = None  # some event is not of the contract's types: look at each below
    except MALFORMED as error:
        raise unreadable(body, error) from None
    if read is not None:
        return read
    raws, sent_at = split(body)
    return _unless_alone(_each(raws, sent_at), raws, body)


def read_lines(body: bytes) -> Read:
    """Read NDJSON, one event a line; blank lines are passed over. A line that is no JSON is rejected alone.

    Raises:
        Unreadable: no line at all could be read.
    """
    body = body.removeprefix(_BYTE_ORDER_MARK)
    lines = [line for line in body.split(b"\n") if line.strip()]
    if not lines:
        raise Unreadable("the body is empty: send one event a line")
    if not _has_nul(body):
        try:
            reader = OWN.reader
            events = reader.one.decode_lines(body)
            if len(events) == len(lines):  # the decoder also takes two events on one line
                rows, names = _rows(events, reader)
                if names_at_most(body) == sum(names):
                    return Read(rows, range(len(lines)), [], lines.__getitem__)
                return _looked_at(rows, names, names_at_most_of_each(lines), list(range(len(lines))), lines.__getitem__, rejected=[])
        except MALFORMED:
            pass  # which line, and why, is found below
    read = _each(lines, None)
    if not read.events and all(rejection.reason.startswith(_NOT_JSON) for rejection in read.rejected):
        raise Unreadable(f"line 1 of {len(lines)}: {read.rejected[0].reason}")
    return read


def may_be_one(body: bytes) -> bool:
    """Whether a body looks like one event, and a small one, that `read_ones` may read together with others."""
    return len(body) <= SMALL and body.startswith(b'{"') and body.endswith(b"}") and not body.startswith((b'{"events"', b'{"sent_at"'))


def read_ones(bodies: Sequence[bytes]) -> EventRows | None:
    """The events of bodies that `may_be_one`, in a third of the time that one by one takes; None where one must be looked at alone.

    They are decoded as lines of one text. As many events as bodies are one of each: a line break stands in no string, and an object that
    ends before it inside of another value would need a comma between it and the next, so that each body has at least one of its own.
    """
    joined = b"\n".join(bodies)
    reader = OWN.reader
    try:
        events = reader.one.decode_lines(joined) if not _has_nul(joined) else []
    except MALFORMED:
        return None
    if len(events) != len(bodies):
        return None
    rows, names = _rows(events, reader)
    if names_at_most(joined) == sum(names):
        return rows
    read = _looked_at(rows, names, names_at_most_of_each(bodies), range(len(bodies)), bodies.__getitem__, rejected=[])
    return read.events if not read.rejected else None


def from_dicts(dicts: Sequence[dict[str, Any]], raw: Callable[[int], bytes] | None = None) -> Read:
    """Read events that a dialect has mapped to the canonical envelope; `raw` gives the bytes that one was sent as."""
    events, positions, rejected = [], [], []
    sent = raw or (lambda index: _encode(dicts[index]))
    for index, event in enumerate(dicts):
        kept = _kept_or_rejected(index, event, sent, walked=_is_plain(_encoded(event)))
        if isinstance(kept, Rejection):
            rejected.append(kept)
        else:
            events.append(kept)
            positions.append(index)
    return Read(EventRows.of(events), positions, rejected, sent)


def _encoded(event: dict[str, Any]) -> bytes | None:
    try:
        return _encode(event)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _is_plain(event: bytes | None) -> bool:
    """Whether it is told by an event's JSON, which takes a tenth of the time of a walk, that it has no NUL and is not too deep."""
    return event is not None and not _has_nul(event) and not may_nest_too_deeply(event)


_NOT_JSON: Final = "not JSON: "
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""Windows' tools write it before UTF-8; RFC 8259, section 8.1 allows to ignore it."""


def _decoded(body: bytes, start: bytes, reader: Reader) -> Read | None:
    """What a body holds that begins with `start`, if all of it can be decoded in one call; None where it has to be taken apart."""
    if _has_nul(body):
        return None
    if start.startswith(b"["):
        return _whole_body(reader.many.decode(body), body, reader)
    if start.startswith(b'{"events"'):
        wrapped = reader.wrapped.decode(body)
        return _whole_body(wrapped.events, body, reader, wrapped.sent_at, outside=1 if wrapped.sent_at is None else 2)
    return _one_event(reader.one.decode(body), body, reader) if start.startswith(b"{") else None


def _rows(events: list[Event], reader: Reader) -> tuple[EventRows, list[int]]:
    """The rows of events, which are let go of, and how many names were read of each; -1 where that has to be looked at."""
    rows = EventRows.of(events)
    events.clear()  # while they are in the processor's cache
    names = rows.names()
    for place in reader.take_rests(rows):
        names[place] = -1
    return rows, names


def _one_event(event: Event, body: bytes, reader: Reader) -> Read:
    """What a body holds that is one event, which could be decoded."""
    rows = EventRows.of_one(event)
    names, most = rows.names(), names_at_most(body)
    if reader.take_rests(rows):
        names = [-1]
    if [most] == names:
        return Read(rows, _ONLY, [], lambda _: body)
    return _unless_alone(_looked_at(rows, names, np.array([most]), [0], lambda _: body, rejected=[]), [body], body)


_ONLY: Final = range(1)


def _whole_body(events: list[Event], body: bytes, reader: Reader, sent_at: str | None = None, outside: int = 0) -> Read:
    """What a body holds whose events could be decoded; `outside` is how many names stand around them."""
    rows, names = _rows(events, reader)
    if names_at_most(body) == sum(names) + outside:
        return Read(rows.with_sent_at(sent_at), range(len(rows)), [], lambda index: split(body)[0][index])
    ends = name_ends(body) if len(body) > SMALL else None
    told = apart(body, ends, rows) if ends is not None else None
    if told is not None:
        return _looked_at(rows, names, told.names, list(range(len(rows))), told.raw, rejected=[])
    raws, _ = split(body)
    most = names_at_most_of_each(raws) if ends is None else names_of_elements(body, ends, raws)
    read = _looked_at(rows, names, most, list(range(len(rows))), raws.__getitem__, rejected=[], sent_at=sent_at)
    return _unless_alone(read, raws, body)


def _unless_alone(read: Read, raws: list[bytes], body: bytes) -> Read:
    """What was read, unless the body is one event that cannot be: then there is nothing to keep of the request."""
    if raws == [body] and read.rejected:
        (wrong,) = read.rejected
        if wrong.reason.startswith(_NOT_JSON):
            raise Unreadable(wrong.reason.removeprefix(_NOT_JSON))
        if wrong.reason == TWICE:
            raise Unreadable(f"{wrong.field} {TWICE}")
    return read


def _each(raws: list[bytes], sent_at: str | None) -> Read:
    """Read each event by itself."""
    events: list[Event] = []
    positions: list[int] = []
    rejected: list[Rejection] = []
    for index, raw in enumerate(raws):
        found: Event | Rejection | None
        try:
            if _has_nul(raw):
                raise msgspec.ValidationError("look closer")
            found = PLAIN.one.decode(raw)
        except msgspec.ValidationError as error:
            found = _closer(index, raw, error)
        except MALFORMED as error:
            found = Rejection(index, None, "", f"{_NOT_JSON}{unreadable(raw, error)}", raw)
        if isinstance(found, Rejection):
            rejected.append(found)
        elif found is not None:
            events.append(found)
            positions.append(index)
    rows = EventRows.of(events)
    names, most = rows.names(), names_at_most_of_each([raws[index] for index in positions])
    for place in rows.rests:  # of these each name was looked at
        most[place] = names[place]
    return _looked_at(rows, names, most, positions, raws.__getitem__, rejected=rejected, sent_at=sent_at)


def _looked_at(
    rows: EventRows,
    names: list[int],
    most: Integers,
    positions: Sequence[int],
    raw: Callable[[int], bytes],
    *,
    rejected: list[Rejection],
    sent_at: str | None = None,
) -> Read:
    """What was decoded, after another look at events that may hold (`most`) more than the `names` that were decoded."""
    gone = set()
    for place in np.flatnonzero(most != names).tolist():
        index = positions[place]
        event = raw(index)
        try:
            rest = rest_of(event, int(most[place]))
        except Unsure:
            found = _closer(index, event, None)
        else:  # many senders write out what they do not know as null: that is nothing
            rows.keep(place, rest)
            if rest is not None:
                OWN.note(rest)
            continue
        if isinstance(found, Rejection):
            rejected.append(found)
            gone.add(place)
        elif found is not None:
            rows.put(place, found)
    if gone:
        rows, positions = rows.without(gone), [index for place, index in enumerate(positions) if place not in gone]
    rejected.sort(key=lambda one: one.index)
    return Read(rows.with_sent_at(sent_at), positions, rejected, raw)


def _closer(index: int, raw: bytes, wrong_type: msgspec.ValidationError | None) -> Event | Rejection | None:
    """Read one event name by name. None where that gives no more than decoding gave: something was null, or a text looks like a name."""
    try:
        found = _anything.decode(raw)
    except (msgspec.ValidationError, RecursionError) as second:  # a number out of range, or nested too deeply
        hidden = TOO_DEEP if isinstance(second, RecursionError) else named_wrong(str(second)).reason
        wrong = named_wrong(str(wrong_type)) if wrong_type is not None else Wrong(_undecodable(raw), hidden)
        return Rejection(index, None, wrong.field, wrong.reason, raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as malformed:  # where nothing was decoded it is no JSON either
        return Rejection(index, None, "", f"{_NOT_JSON}{unreadable(raw, malformed)}", raw)
    path = twice(raw, found)
    if path is not None:
        return Rejection(index, _told_id(found), path, TWICE, raw)
    if wrong_type is None and not has_unnamed(found):
        return None
    return _kept_or_rejected(index, found, lambda _: raw, walked=_is_plain(raw))


def _undecodable(raw: bytes) -> str:
    """The object of an event in which something stands that cannot be decoded."""
    for name, inner in msgspec.json.decode(raw, type=dict[str, Raw]).items():
        try:
            _anything.decode(inner)
        except (msgspec.ValidationError, RecursionError):
            return name if name in ("properties", "metadata") else ""
    return ""


def _has_nul(text: bytes) -> bool:
    """Whether an escaped NUL may stand in JSON. Most JSON has no backslash at all, and a byte, as a number, is found at once."""
    return ord("\\") in text and b"\\u0000" in text


def _kept_or_rejected(index: int, found: Any, raw: Callable[[int], bytes], *, walked: bool) -> Event | Rejection:
    try:
        return kept_event(found, walked)
    except Wrong as wrong:
        return Rejection(index, _told_id(found), wrong.field, wrong.reason, raw(index))


def _told_id(found: Any) -> str | None:
    event_id = found.get("event_id") if isinstance(found, dict) else None
    return event_id if isinstance(event_id, str) else None
