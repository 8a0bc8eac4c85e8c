"""What the requests of a group become: one batch for the log, and afterwards an answer for each. Nothing here waits or writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ecompulse.collect.answer import Answer, Rejected, Verdict, unreadable
from ecompulse.collect.recent import Recent
from ecompulse.contract.check import Checked, check
from ecompulse.contract.columns import LOGGED, DeadLetter, Violation, nulls
from ecompulse.contract.read import Read, read_events, read_ones
from ecompulse.contract.rows import EventRows
from ecompulse.contract.unreadable import Unreadable

SHOWN_ID_LIMIT: Final = 200
"""Characters of a wrong event_id that are told back."""
_OWN_DEVICE: Final = pa.array(["web", "mobile"])

Rows = np.ndarray[Any, np.dtype[np.int64]]
_NONE: Final = np.arange(0)
Scrub = Callable[[pa.RecordBatch], pa.RecordBatch]
Mask = Callable[[bytes], bytes]


class Intake(msgspec.Struct, gc=False):
    """The events of one request, on their way into the log."""

    read: Read | None
    """None where `body` is read with its group."""
    shape: Callable[[Verdict], Answer]
    """Makes the answer once the verdict is known."""
    site: str
    dialect: str
    sender_key: str | None
    received_at_us: int
    size: int
    """Bytes of the body they came in."""
    held: int
    """Bytes of it once decompressed: what is in memory until they are written."""
    address: str | None = None
    """The shopper's IP address as the connection tells it, for events that carry none."""
    agent: str | None = None
    """The shopper's User-Agent, likewise."""
    body: bytes = b""
    """What is not read yet: JSON text that may be one event."""

    @property
    def count(self) -> int:
        """How many events it holds; one, unless it was read by itself."""
        return self.read.count if self.read is not None else 1

    @property
    def rows(self) -> int:
        """How many of them could be read."""
        return len(self.read.positions) if self.read is not None else 1

    def source(self, row: int) -> tuple[int, bytes]:
        """The place in the request of one of those, and its bytes."""
        if self.read is None:
            return 0, self.body
        index = self.read.positions[row]
        return index, self.read.raw(index)


class Ticket:
    """One request's place in a group: what it brought, and its answer once that is known."""

    __slots__ = ("answer", "events", "intake", "since")

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.since, self.events = 0.0, intake.count
        self.answer: Answer | None = None


class Group(msgspec.Struct):
    """Requests that are appended together: their events as one batch, what of them is rejected, and a verdict for each request."""

    tickets: list[Ticket]
    verdicts: list[Verdict]
    events: pa.RecordBatch | None
    dead_letters: list[DeadLetter]
    rows: Rows = _NONE
    """For each event of the batch its place among all that were read."""
    sizes: Rows = _NONE
    """For each event of the batch the bytes of its texts."""


def prepared(tickets: list[Ticket], scrub: Scrub, mask: Mask) -> Group:
    """Check the events of some requests, and make one batch of those that are right, without what must not be kept.

    A request that cannot be read has its answer then, and is not of the group.
    """
    tickets, events = _read(tickets)
    checked = _checked(tickets, events) if events else None
    wrong = {violation.row: violation for violation in checked.violations} if checked is not None else {}
    letters: list[DeadLetter] = []
    verdicts = list(_verdicts(tickets, events, wrong, letters, mask))
    if checked is None or not checked.held.num_rows:
        return Group(tickets, verdicts, None, letters)
    return Group(tickets, verdicts, scrub(_with_origin(tickets, checked)), letters, checked.rows, checked.sizes)


def answer(group: Group, offset: int, recent: Recent) -> Counter[tuple[str, str]]:
    """Give each request the answer that its dialect makes of its verdict. Returns how many events had which dialect and outcome.

    Args:
        group: what was appended.
        offset: what its first event got.
        recent: says which events are duplicates.
    """
    if group.events is not None:
        repeated = recent.duplicates(group.events, group.sizes)
        if repeated.any():
            _count_duplicates(group, group.rows[repeated])
    counts: Counter[tuple[str, str]] = Counter()
    accepted: dict[str, int] = {}  # by dialect; the other outcomes are rare
    for ticket, verdict in zip(group.tickets, group.verdicts, strict=True):
        dialect, verdict.offset = ticket.intake.dialect, offset
        offset += verdict.accepted + verdict.duplicates
        accepted[dialect] = accepted.get(dialect, 0) + verdict.accepted
        if verdict.duplicates:
            counts[dialect, "duplicate"] += verdict.duplicates
        if verdict.rejected:
            counts[dialect, "rejected"] += len(verdict.rejected)
        ticket.answer = ticket.intake.shape(verdict)
    counts.update({(dialect, "accepted"): count for dialect, count in accepted.items()})
    return counts


def _read(tickets: list[Ticket]) -> tuple[list[Ticket], EventRows]:
    """The requests that could be read, and their events."""
    ones = read_ones([ticket.intake.body for ticket in tickets if ticket.intake.read is None])
    if ones is not None:
        return tickets, _in_turn(tickets, ones)
    readable, parts = [], []
    for ticket in tickets:
        intake = ticket.intake
        try:
            intake.read = intake.read or read_events(intake.body)
        except Unreadable as wrong:
            ticket.answer = unreadable(wrong)
            continue
        readable.append(ticket)
        parts.append(intake.read.events)
    return readable, EventRows.joined(parts)


def _in_turn(tickets: list[Ticket], ones: EventRows) -> EventRows:
    """The events of all requests, those of the ones that were read together among the others."""
    parts, taken = [], 0
    for unread, some in groupby(tickets, key=lambda ticket: ticket.intake.read is None):
        if unread:
            count = sum(1 for _ in some)
            parts.append(ones.part(taken, taken + count))
            taken += count
        else:
            parts += [ticket.intake.read.events for ticket in some if ticket.intake.read is not None]
    return EventRows.joined(parts)


def _checked(tickets: list[Ticket], events: EventRows) -> Checked:
    """All events of a group against the contract."""
    first = tickets[0].intake
    return check(events, first.received_at_us, *(_spread(tickets, name) for name in ("site", "dialect", "sender_key")))


def _spread(tickets: list[Ticket], name: str) -> Any:
    """The texts that requests have as `name`: one where all agree, else a list with one for each event."""
    values = [getattr(ticket.intake, name) for ticket in tickets]
    first: str | None = values[0]
    if values.count(first) == len(values):
        return first
    return [value for ticket, value in zip(tickets, values, strict=True) for _ in range(ticket.intake.rows)]


def _with_origin(tickets: list[Ticket], checked: Checked) -> pa.RecordBatch:
    """What is right, with address and browser of the connection where a shopper's own device sent an event without them."""
    batch = checked.held
    for name, attribute in (("ip_address", "address"), ("user_agent", "agent")):
        values = _spread(tickets, attribute)
        place = batch.schema.get_field_index(name)
        if values is None or (place >= 0 and not batch.column(place).null_count) or "source" not in batch.schema.names:
            continue
        told = pa.scalar(values, pa.string()) if isinstance(values, str) else pa.array(values, pa.string()).take(pa.array(checked.rows))
        column = batch.column(place) if place >= 0 else nulls(len(batch), pa.string())
        empty = pc.and_(column.is_null(), pc.is_in(batch.column("source"), _OWN_DEVICE))
        filled, field = pc.if_else(empty, told, column), LOGGED.field(name)
        batch = batch.set_column(place, field, filled) if place >= 0 else batch.append_column(field, filled)
    return batch


def _verdicts(
    tickets: list[Ticket], events: EventRows, wrong: dict[int, Violation], letters: list[DeadLetter], mask: Mask
) -> Iterator[Verdict]:
    """Each request's verdict as if it held no duplicates; puts what is rejected into `letters`."""
    row = 0
    for ticket in tickets:
        intake = ticket.intake
        first, row = row, row + intake.rows
        unread = intake.read.rejected if intake.read is not None else ()
        if not wrong and not unread:
            yield Verdict(row - first, 0, [])
            continue
        rejected = [Rejected(one.index, _shown(one.event_id), one.field, one.reason) for one in unread]
        letters.extend(_letter(intake, told, None, mask(one.body)) for told, one in zip(rejected, unread, strict=True))
        for place in range(first, row):
            violation = wrong.get(place)
            if violation is not None:
                event = events[place]
                index, raw = intake.source(place - first)
                told = Rejected(index, _shown(event.event_id), violation.field, violation.reason)
                rejected.append(told)
                letters.append(_letter(intake, told, event.event_type, mask(raw)))
        rejected.sort(key=lambda one: one.index)
        yield Verdict(intake.count - len(rejected), 0, rejected)


def _shown(event_id: str | None) -> str | None:
    return event_id if event_id is None else event_id[:SHOWN_ID_LIMIT]


def _letter(intake: Intake, wrong: Rejected, event_type: str | None, body: bytes) -> DeadLetter:
    what = (wrong.reason, wrong.field, wrong.event_id, _shown(event_type))
    return DeadLetter(*what, intake.dialect, intake.site, intake.sender_key, intake.received_at_us, body)


def _count_duplicates(group: Group, rows: Rows) -> None:
    """Move the events at `rows` of the group from accepted to duplicates."""
    ends = np.cumsum([ticket.intake.rows for ticket in group.tickets])
    for place in np.searchsorted(ends, rows, side="right").tolist():
        group.verdicts[place].accepted -= 1
        group.verdicts[place].duplicates += 1
