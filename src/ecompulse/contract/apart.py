"""Where the events of a JSON array begin, told by the name that each of them begins with: without a second pass of a decoder.

Machines write every event in one order. Where the first name of the first event, say `event_id`, was decoded of each event, stands as often
as there are events, and always right behind a brace, it begins each of them: every event has it, so none has it twice, and so the brace
before it is the event's own. Nothing is told where bytes could mean something else: an escape may write the name in another way, and white
space may stand between a name and its colon.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from msgspec import Struct

from ecompulse.contract.names import Integers, names_at_most_of_each
from ecompulse.contract.rows import ENVELOPE, EventRows

Words = np.ndarray[Any, np.dtype[np.uint64]]

_FIRST: Final = re.compile(rb'[ \t\n\r]*\[[ \t\n\r]*\{("(%s)"):' % "|".join(ENVELOPE).encode())
_SPACE: Final = b" \t\n\r"


class Apart(Struct, frozen=True):
    """A body of many events, by where each begins."""

    body: bytes
    starts: Integers
    names: Integers
    """How many names each event holds at most."""

    def raw(self, index: int) -> bytes:
        """The bytes of an event."""
        end = self.starts[index + 1] if index + 1 < len(self.starts) else None
        return self.body[self.starts[index] : end].rstrip(_SPACE)[:-1].rstrip(_SPACE)  # a comma follows, or the bracket


def apart(body: bytes, ends: Integers, rows: EventRows) -> Apart | None:
    """The events of a body that was decoded to `rows`, told apart; None where that cannot be done for sure.

    Args:
        body: JSON.
        ends: places of all colons that may end a name (`name_ends`).
        rows: what was decoded.
    """
    first = _FIRST.match(body)
    if first is None or b"\\" in body:
        return None
    name, place, count = first[1], ENVELOPE.index(first[2].decode()), len(rows)
    whole = np.frombuffer(body, np.uint8)
    if None in [row[place] for row in rows.envelopes] or (whole[ends - 1] != ord('"')).any():
        return None
    words: Words = np.ndarray(len(body) - 7, "<u8", body, strides=(1,))  # at each place the eight bytes from there on
    last, start = (np.frombuffer(part, "<u8") for part in (name[-8:], name[:8]))
    found = np.flatnonzero(words[ends - 8] == last)
    begins = ends[found] - len(name)
    if len(found) != count or (words[begins] != start).any() or (whole[begins - 1] != ord("{")).any():
        return None  # where others end alike, the decoder tells them apart
    names = np.empty(count, np.int64)
    names[:-1], names[-1] = found[1:] - found[:-1], len(ends) - found[-1]
    return Apart(body, begins - 1, names)


def names_of_elements(body: bytes, ends: Integers, raws: Sequence[bytes]) -> Integers:
    """How many names each event of a body holds at most, once a decoder told them apart; not counted anew where they stand dense."""
    lengths = [len(raw) + 1 for raw in raws]
    if sum(lengths) + 1 != len(body):  # more than brackets and commas is around them
        return names_at_most_of_each(raws)
    return np.diff(np.searchsorted(ends, np.cumsum([1, *lengths])))
