"""Heads of requests that are known by their bytes: a client that keeps its connection sends the same ones again and again."""

from __future__ import annotations

from typing import Final, NamedTuple

HEADS_LIMIT: Final = 2_048
"""Heads remembered; with what they mean at most 6 MB."""
BYTES_LIMIT: Final = 1_024
"""Bytes of a head that is worth remembering: those of SDKs and servers have 200, of browsers 700."""
_OF_ONE_REQUEST: Final = frozenset({b"transfer-encoding", b"expect", b"upgrade"})
"""Headers that say how the rest of this one request is to be read: such heads are left to the parser."""


class Head(NamedTuple):
    """What the parser found in a head. Several requests share it: nobody changes `headers`."""

    method: str
    path: str
    query: str
    headers: dict[bytes, bytes]
    length: int
    """Bytes of the body."""


class Heads:
    """A bounded memory from the bytes of a head to its meaning, which follows from nothing else."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}
        self.find = self._known.get
        """The head that has these bytes, or None."""

    def remember(self, head_bytes: bytes, head: Head) -> None:
        """Keep a head that was parsed, and whose connection goes on."""
        if not head.headers.keys() & _OF_ONE_REQUEST:
            if len(self._known) >= HEADS_LIMIT:
                self._known.clear()
            self._known[head_bytes] = head


def end_of_head(data: bytes) -> int:
    """Where the body begins in the bytes of a request; 0 where its head is not whole, or too long to be remembered."""
    found = data.find(b"\r\n\r\n", 0, BYTES_LIMIT)
    return found + 4 if found > 0 else 0
