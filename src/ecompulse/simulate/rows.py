"""Blocks as rows of bytes: the seam between what is generated and how it is written, and the rows that are sent more than once."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ecompulse.simulate.block import Block
from ecompulse.simulate.faults import MALFORMED, REPEATED, Sending
from ecompulse.simulate.numbers import Times


class Prepared(Protocol):
    """A block that is ready to be written."""

    def rows(self, events: slice | Times, sent_at: bytes) -> list[bytes]:
        """The rows of these events of the block, in order; `sent_at` is a time as text, or empty."""
        ...


class Form(Protocol):
    """A way to write events, such as JSON."""

    def prepared(self, block: Block) -> Prepared:
        """Do for the whole block what need not be done row by row."""
        ...

    def malformed(self, row: bytes, kind: int, number: int) -> bytes:
        """The same row, but wrong in one way that the contract rejects; which one follows from the event's number."""
        ...


class Writer:
    """Writes what is sent, block after block, in order. A repetition is the very bytes of the event before."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._kept: dict[int, bytes] = {}
        self._block: Block | None = None
        self._prepared: Prepared | None = None

    def rows(self, block: Block, sending: Sending, first: int, end: int, sent_at: bytes = b"") -> list[bytes]:
        """The rows of the sending from `first` up to `end`; to be called in order, without gaps."""
        if block is not self._block or self._prepared is None:
            self._block, self._prepared = block, self._form.prepared(block)
        number, fate = sending.number[first:end], sending.fate[first:end]
        if not fate.any() and not sending.again:
            start = int(number[0]) - block.first
            return self._prepared.rows(slice(start, start + len(number)), sent_at)
        fresh = np.flatnonzero(fate != REPEATED)
        made = self._prepared.rows(number[fresh] - block.first, sent_at)
        rows = [b""] * len(number)
        for place, row in zip(fresh.tolist(), made, strict=True):
            rows[place] = row
        for place in np.flatnonzero(fate == MALFORMED).tolist():
            event = int(number[place])
            rows[place] = self._form.malformed(rows[place], int(block.kind[event - block.first]), event)
        self._kept |= {
            event: rows[place] for place, event in enumerate(number.tolist()) if fate[place] != REPEATED and event in sending.again
        }
        for place in np.flatnonzero(fate == REPEATED).tolist():
            rows[place] = self._kept.pop(int(number[place]))
        return rows
