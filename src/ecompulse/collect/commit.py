"""Group commit: all requests that wait become one batch, one durable append, and then each gets its answer.

While one group is being committed the next one fills, so that the size of a group adapts by itself to the load.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ecompulse.collect.answer import Answer, Rejected, Verdict, problem, unavailable
from ecompulse.collect.elements import EVENTS_LIMIT
from ecompulse.collect.recent import Recent
from ecompulse.contract.check import Checked, check
from ecompulse.contract.columns import DeadLetter, Violation
from ecompulse.contract.read import Read
from ecompulse.log import Appender
from ecompulse.observe.logs import logger

WAITING_BYTES_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of bodies that may wait for a commit: a third of a second's work at full speed; beyond it a sender is better told to come back."""
WAITING_EVENTS_LIMIT: Final = 200_000
GROUP_EVENTS_LIMIT: Final = EVENTS_LIMIT
"""Events from which on an append takes no further request: about 40 ms of work, so that nobody waits long behind a flood."""
FAILED_SECONDS: Final = 5.0
"""How long after a failed append the door calls itself not ready; then it is ready to be tried again."""
SHOWN_ID_LIMIT: Final = 200
"""Characters of a wrong event_id that are told back."""
_OWN_DEVICE: Final = pa.array(["web", "mobile"])

_log = logger("collect")


class Intake(msgspec.Struct, gc=False):
    """The events of one request, on their way into the log."""

    read: Read
    shape: Callable[[Verdict], Answer]
    """Makes the answer once the verdict is known."""
    site: str
    dialect: str
    sender_key: str | None
    received_at_us: int
    size: int
    """Bytes of the body they came in."""
    address: str | None = None
    """The shopper's IP address as the connection tells it, for events that carry none."""
    agent: str | None = None
    """The shopper's User-Agent, likewise."""


Scrub = Callable[[pa.RecordBatch], pa.RecordBatch]
Mask = Callable[[bytes], bytes]


class Ticket:
    """One request's place in a group: what it brought, and its answer once that is known."""

    __slots__ = ("answer", "intake")

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.answer: Answer | None = None


class Outcome(msgspec.Struct):
    """What one commit did, for whoever counts."""

    tickets: list[Ticket]
    dead_letters: list[DeadLetter]
    counts: Counter[tuple[str, str]]
    """Events by dialect and outcome (accepted, duplicate, rejected)."""
    append_seconds: float = 0.0
    failure: str | None = None


class Committer:
    """The thread that writes groups. `submit` and the callback run on the event loop's thread, all else on its own."""

    def __init__(self, log: Appender, deliver: Callable[[Outcome], None], scrub: Scrub, mask: Mask) -> None:
        """`deliver` is called after each group, on the committer's thread; `scrub` and `mask` take out what must not be kept."""
        self._log, self._deliver, self._scrub, self._mask = log, deliver, scrub, mask
        self._queue: SimpleQueue[Ticket | None] = SimpleQueue()
        self._recent = Recent()
        self._thread = threading.Thread(target=self._run, name="commit", daemon=True)
        self._failed_at: float | None = None
        self.failure = ""
        self.waiting_bytes = 0
        self.waiting_events = 0

    def start(self) -> None:
        """Begin to commit."""
        self._thread.start()

    def submit(self, ticket: Ticket) -> Answer | None:
        """Put a request into the current group. Never blocks; returns a 503 where too much waits already."""
        intake = ticket.intake
        if self.waiting_bytes + intake.size > WAITING_BYTES_LIMIT or self.waiting_events > WAITING_EVENTS_LIMIT:
            return unavailable("The door is busier than its log can write. Nothing of this request was kept; send it again.")
        self.waiting_bytes += intake.size
        self.waiting_events += intake.read.count
        self._queue.put(ticket)
        return None

    def delivered(self, outcome: Outcome) -> None:
        """Give back the room of a group whose answers are on their way."""
        for ticket in outcome.tickets:
            self.waiting_bytes -= ticket.intake.size
            self.waiting_events -= ticket.intake.read.count

    @property
    def ready(self) -> bool:
        """Whether the last append went well, or failed so long ago that it should be tried again."""
        return self._failed_at is None or time.monotonic() - self._failed_at > FAILED_SECONDS

    def close(self, seconds: float) -> None:
        """Commit what waits, then end; gives up after `seconds`."""
        self._queue.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        ended = False
        while not ended:
            first = self._queue.get()
            if first is None:
                return
            group, events = [first], first.intake.read.count
            while events < GROUP_EVENTS_LIMIT:
                try:
                    ticket = self._queue.get_nowait()
                except Empty:
                    break
                if ticket is None:
                    ended = True
                    break
                group.append(ticket)
                events += ticket.intake.read.count
            self._deliver(self.commit(group))

    def commit(self, group: list[Ticket]) -> Outcome:
        """Check, append and answer a group. Every ticket has its answer afterwards; nothing is raised."""
        outcome = Outcome(group, [], Counter())
        try:
            checked = _checked(group)
            wrong = {violation.row: violation for violation in checked.violations} if checked is not None else {}
            verdicts = list(_verdicts(group, wrong, outcome.dead_letters, self._mask))
            events = self._scrub(_with_origin(group, checked)) if checked is not None and checked.batch.num_rows else None
        except Exception as fault:  # noqa: BLE001 — a fault of ours with one request must not spoil its neighbours' day
            if len(group) > 1:
                _log.exception("group_not_checked", requests=len(group))
                return _merged(group, [self.commit([ticket]) for ticket in group])
            _log.exception("request_not_checked", dialect=group[0].intake.dialect)
            group[0].answer = problem(500, f"This request hit a fault of ours ({type(fault).__name__}); nothing of it was kept.")
            outcome.failure = str(fault)
            return outcome
        began = time.perf_counter()
        try:
            offset = self._log.append(events, outcome.dead_letters)
        except Exception as failure:  # noqa: BLE001 — whatever the log's trouble is, senders keep their events and try again
            self._fail(failure, group, outcome)
        else:
            outcome.append_seconds = time.perf_counter() - began
            self._failed_at = None
            if events is not None and checked is not None:
                repeated = self._recent.duplicates(events)
                if repeated.any():
                    _count_duplicates(group, verdicts, checked.rows[repeated])
            _answer(group, verdicts, offset, outcome.counts)
        return outcome

    def _fail(self, failure: Exception, group: list[Ticket], outcome: Outcome) -> None:
        if self._failed_at is None:
            _log.error("append_failed", reason=str(failure), requests=len(group))
        self._failed_at, self.failure, outcome.failure = time.monotonic(), str(failure), str(failure)
        outcome.dead_letters = []
        answer = unavailable(f"The log cannot be written: {failure}. Nothing of this request was kept; send it again.")
        for ticket in group:
            ticket.answer = answer


def _merged(group: list[Ticket], parts: list[Outcome]) -> Outcome:
    letters = [letter for part in parts for letter in part.dead_letters]
    failure = next((part.failure for part in parts if part.failure), None)
    return Outcome(group, letters, sum((part.counts for part in parts), Counter()), sum(part.append_seconds for part in parts), failure)


def _checked(group: list[Ticket]) -> Checked | None:
    """All events of a group against the contract; None where there is none."""
    first = group[0].intake
    if len(group) == 1:
        return check(first.read.events, first.received_at_us, first.site, first.dialect, first.sender_key) if first.read.events else None
    events = [event for ticket in group for event in ticket.intake.read.events]
    if not events:
        return None
    return check(events, first.received_at_us, *(_spread(group, name) for name in ("site", "dialect", "sender_key")))


def _spread(group: list[Ticket], name: str) -> Any:
    """The texts that requests have as `name`: one where all agree, else a list with one for each event."""
    values = [getattr(ticket.intake, name) for ticket in group]
    first: str | None = values[0]
    if values.count(first) == len(values):
        return first
    return [value for ticket, value in zip(group, values, strict=True) for _ in ticket.intake.read.events]


def _with_origin(group: list[Ticket], checked: Checked) -> pa.RecordBatch:
    """The batch with address and browser of the connection where a shopper's own device sent an event without them."""
    batch = checked.batch
    for name, attribute in (("ip_address", "address"), ("user_agent", "agent")):
        column, values = batch.column(name), _spread(group, attribute)
        if values is None or not column.null_count:
            continue
        told = pa.scalar(values, pa.string()) if isinstance(values, str) else pa.array(values, pa.string()).take(pa.array(checked.rows))
        empty = pc.and_(column.is_null(), pc.is_in(batch.column("source"), _OWN_DEVICE))
        batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), pc.if_else(empty, told, column))
    return batch


def _verdicts(group: list[Ticket], wrong: dict[int, Violation], letters: list[DeadLetter], mask: Mask) -> Iterator[Verdict]:
    """Each request's verdict as if it held no duplicates; puts what is rejected into `letters`."""
    row = 0
    for ticket in group:
        read = ticket.intake.read
        count = len(read.events)
        if not wrong and not read.rejected:
            row += count
            yield Verdict(count, 0, [])
            continue
        rejected = [Rejected(one.index, _shown(one.event_id), one.field, one.reason) for one in read.rejected]
        letters.extend(_letter(ticket.intake, told, None, mask(one.body)) for told, one in zip(rejected, read.rejected, strict=True))
        for place in range(count):
            violation = wrong.get(row + place)
            if violation is not None:
                event, index = read.events[place], read.positions[place]
                told = Rejected(index, _shown(event.event_id), violation.field, violation.reason)
                rejected.append(told)
                letters.append(_letter(ticket.intake, told, event.event_type, mask(read.raw(index))))
        row += count
        rejected.sort(key=lambda one: one.index)
        yield Verdict(read.count - len(rejected), 0, rejected)


def _shown(event_id: str | None) -> str | None:
    return event_id if event_id is None else event_id[:SHOWN_ID_LIMIT]


def _letter(intake: Intake, wrong: Rejected, event_type: str | None, body: bytes) -> DeadLetter:
    what = (wrong.reason, wrong.field, wrong.event_id, _shown(event_type))
    return DeadLetter(*what, intake.dialect, intake.site, intake.sender_key, intake.received_at_us, body)


def _answer(group: list[Ticket], verdicts: list[Verdict], offset: int, counts: Counter[tuple[str, str]]) -> None:
    """Give each request the answer that its dialect makes of its verdict."""
    for ticket, verdict in zip(group, verdicts, strict=True):
        dialect, verdict.offset = ticket.intake.dialect, offset
        offset += verdict.accepted + verdict.duplicates
        counts[dialect, "accepted"] += verdict.accepted
        if verdict.duplicates:
            counts[dialect, "duplicate"] += verdict.duplicates
        if verdict.rejected:
            counts[dialect, "rejected"] += len(verdict.rejected)
        ticket.answer = ticket.intake.shape(verdict)


def _count_duplicates(group: list[Ticket], verdicts: list[Verdict], rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    """Move the events at `rows` of the group from accepted to duplicates."""
    ends = np.cumsum([len(ticket.intake.read.events) for ticket in group])
    for place in np.searchsorted(ends, rows, side="right").tolist():
        verdicts[place].accepted -= 1
        verdicts[place].duplicates += 1
