"""Group commit: all requests that wait become one batch, one durable append, and then each gets its answer.

Requests are gathered, checked, packed and answered on the event loop's thread; only the writing, which waits for the disk, has a thread of
its own (and all of a very large request). Two threads that both compute hand the interpreter to and fro, which costs more than the work
does: with the packing beside the loop, answers took a sixth longer. While one group is being written the next one fills, so that the size
of a group adapts by itself to the load.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

import msgspec

from ecompulse.collect.answer import Answer, problem, unavailable
from ecompulse.collect.group import Group, Intake, Mask, Scrub, Ticket, answer, prepared
from ecompulse.collect.recent import Recent
from ecompulse.contract.columns import DeadLetter
from ecompulse.log import Appender, Packed
from ecompulse.observe.logs import logger

__all__ = ["Committer", "Intake", "Outcome", "Ticket"]

WAITING_BYTES_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of bodies, decompressed, that may wait for a commit: a second of work at full speed; beyond it a sender had better come back."""
WAITING_EVENTS_LIMIT: Final = 200_000
WAITING_SECONDS_LIMIT: Final = 2.0
"""How long the oldest request may have waited while others are let in: SDKs give up after five seconds or more, and what waits behind
it would wait as long. It bounds the queue by time where a slow disk makes the limits on bytes and events too generous."""
GROUP_EVENTS_LIMIT: Final = 2_000
"""Events from which on a group takes no further request: about 10 ms of work, for so long nothing else is read or answered."""
LOOP_EVENTS_LIMIT: Final = 4_000
"""Events that are checked and packed on the loop's thread; only one large request makes a group of more, and refusals must not wait
behind that."""
GATHER_SECONDS: Final = 0.002
"""How long requests that keep coming are gathered when no append is under way: larger groups cost less a request."""
GROUPS_LIMIT: Final = 2
"""Groups on their way to the disk: one that is being appended, and under full load one that is ready when that is done. A second one that
is not full gains nothing by being early: a group costs as much as 50 events, and all that came meanwhile go into the next one."""
FAILED_SECONDS: Final = 5.0
"""How long after a failed append the door calls itself not ready; then it is ready to be tried again."""

_BUSY: Final = unavailable("The door is busier than its log can write. Nothing of this request was kept; send it again.")

_log = logger("collect")


class Outcome(msgspec.Struct):
    """What one commit did, for whoever counts."""

    tickets: list[Ticket]
    dead_letters: list[DeadLetter]
    counts: Counter[tuple[str, str]]
    """Events by dialect and outcome (accepted, duplicate, rejected)."""
    append_seconds: float = 0.0
    failure: str | None = None


class _Append(msgspec.Struct):
    """A group on its way to the disk and back."""

    group: Group
    packed: Packed | None = None
    """None where `failure` says why."""
    offset: int = 0
    seconds: float = 0.0
    failure: Exception | None = None


class Committer:
    """Gathers, appends and answers. Everything but the writing runs on the event loop's thread."""

    def __init__(self, log: Appender, deliver: Callable[[Outcome], None], scrub: Scrub, mask: Mask) -> None:
        """`deliver` is called after each group; `scrub` and `mask` take out what must not be kept."""
        self._log, self._deliver, self._scrub, self._mask = log, deliver, scrub, mask
        self._waiting: deque[Ticket] = deque()
        self._gathered_events = 0
        self._appending: deque[list[Ticket]] = deque()
        self._gathering, self._gathered_since = False, 0.0
        self._queue: SimpleQueue[tuple[list[Ticket], list[_Append]] | None] = SimpleQueue()
        self._recent = Recent()
        self._thread = threading.Thread(target=self._run, name="commit", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._failed_at: float | None = None
        self.failure = ""
        self.waiting_bytes = 0
        self.waiting_events = 0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to commit what is submitted on the thread of `loop`."""
        self._loop = loop
        self._thread.start()

    def submit(self, ticket: Ticket) -> Answer | None:
        """Put a request into the current group. Never blocks; returns a 503 where it does not fit.

        Usually `refusal` has decided that before it was decoded; but only now is known what it became.
        """
        intake = ticket.intake
        if self.waiting_bytes + intake.held > WAITING_BYTES_LIMIT or self.waiting_events > WAITING_EVENTS_LIMIT:
            return _BUSY
        ticket.since = self._loop.time()
        self.waiting_bytes += intake.held
        ticket.events = intake.count
        self.waiting_events += ticket.events
        self._gathered_events += ticket.events
        self._waiting.append(ticket)
        if not self._gathering:
            self._gather_on()
        return None

    def refusal(self, size: int) -> Answer | None:
        """A 503 where a request of `size` bytes would wait behind too much, or for too long. Cheap: it is asked before a body is read."""
        if self.waiting_bytes + size > WAITING_BYTES_LIMIT or self.waiting_events > WAITING_EVENTS_LIMIT:
            return _BUSY
        oldest = self._appending[0] if self._appending else self._waiting
        return _BUSY if oldest and self._loop.time() - oldest[0].since > WAITING_SECONDS_LIMIT else None

    @property
    def ready(self) -> bool:
        """Whether the last append went well, or failed so long ago that it should be tried again."""
        return self._failed_at is None or time.monotonic() - self._failed_at > FAILED_SECONDS

    async def close(self, seconds: float) -> None:
        """Commit what waits, then end; gives up after `seconds`."""
        end = time.monotonic() + seconds
        while (self._waiting or self._appending) and time.monotonic() < end:
            await asyncio.sleep(0.002)
        self._queue.put(None)
        await self._loop.run_in_executor(None, self._thread.join, max(0.0, end - time.monotonic()))

    def commit(self, tickets: list[Ticket]) -> Outcome:
        """Check, append and answer a group, all at once. Every ticket has its answer afterwards; nothing is raised."""
        appends = self._prepared(tickets)
        for one in appends:
            self._append(one)
        return self._settled(tickets, appends)

    def _gather_on(self) -> None:
        """Gather for the next group: when the disk is idle, or before that where there is enough for a full one."""
        if not self._appending or (len(self._appending) < GROUPS_LIMIT and self._gathered_events >= GROUP_EVENTS_LIMIT):
            self._gathering, self._gathered_since = True, self._loop.time()
            self._loop.call_soon(self._gather, len(self._waiting))

    def _gather(self, seen: int) -> None:
        """Begin a group once it is full, or a turn of the loop brought no further request, or some have waited long enough."""
        full, waited = self._gathered_events >= GROUP_EVENTS_LIMIT, self._loop.time() - self._gathered_since
        if len(self._waiting) > seen and not full and waited < GATHER_SECONDS:
            self._loop.call_soon(self._gather, len(self._waiting))
            return
        self._gathering = False
        self._begin()

    def _begin(self) -> None:
        """Send the oldest requests on their way to the disk."""
        group: list[Ticket] = []
        events = 0
        while self._waiting and events < GROUP_EVENTS_LIMIT:
            ticket = self._waiting.popleft()
            group.append(ticket)
            events += ticket.events
        self._appending.append(group)
        self._gathered_events -= events
        self._queue.put((group, self._prepared(group) if events <= LOOP_EVENTS_LIMIT else []))

    def _run(self) -> None:
        while self._write(self._queue.get()):  # a name here would keep the last group, and its connections, until the next one
            pass

    def _write(self, group: tuple[list[Ticket], list[_Append]] | None) -> bool:
        if group is None:
            return False
        tickets, appends = group
        appends = appends or self._prepared(tickets)
        for one in appends:
            self._append(one)
        self._loop.call_soon_threadsafe(self._finish, tickets, appends)
        return True

    def _finish(self, tickets: list[Ticket], appends: list[_Append]) -> None:
        outcome = self._settled(tickets, appends)
        for ticket in tickets:
            self.waiting_bytes -= ticket.intake.held
            self.waiting_events -= ticket.events
        self._appending.popleft()
        if self._waiting and not self._gathering:
            self._gather_on()
        self._deliver(outcome)

    def _prepared(self, tickets: list[Ticket]) -> list[_Append]:
        try:
            group = prepared(tickets, self._scrub, self._mask)
            return [_Append(group, self._log.pack(group.events, group.dead_letters))]
        except Exception as fault:  # noqa: BLE001 — a fault of ours with one request must not spoil its neighbours' day
            if len(tickets) > 1:
                _log.exception("group_not_checked", requests=len(tickets))
                return [one for ticket in tickets for one in self._prepared([ticket])]
            _log.exception("request_not_checked", dialect=tickets[0].intake.dialect)
            tickets[0].answer = _fault(fault, "Nothing of it was kept.")
            return [_Append(Group(tickets, [], None, []), failure=fault)]

    def _append(self, one: _Append) -> None:
        """Write a group to the log; on the thread of its own."""
        if one.packed is None:
            return
        began = time.perf_counter()
        try:
            one.offset = self._log.write(one.packed)
        except Exception as failure:  # noqa: BLE001 — whatever the log's trouble is, senders keep their events and try again
            one.failure = failure
        one.seconds = time.perf_counter() - began

    def _settled(self, tickets: list[Ticket], appends: list[_Append]) -> Outcome:
        """Answer the requests of what was appended, or was not."""
        outcome = Outcome(tickets, [], Counter())
        for one in appends:
            if one.failure is None:
                self._failed_at = None
                outcome.append_seconds += one.seconds
                outcome.dead_letters += one.group.dead_letters
                try:
                    outcome.counts += answer(one.group, one.offset, self._recent)
                except Exception as fault:  # noqa: BLE001 — whoever waits must be answered, and the next group must go on
                    _log.exception("group_not_answered", requests=len(one.group.tickets))
                    for ticket in one.group.tickets:
                        ticket.answer = ticket.answer or _fault(fault, "Its events were kept; with the same ids they count once.")
                continue
            outcome.failure = str(one.failure)
            if one.group.verdicts:
                self._fail(one.failure, one.group.tickets)
        return outcome

    def _fail(self, failure: Exception, tickets: list[Ticket]) -> None:
        if self._failed_at is None:
            _log.error("append_failed", reason=str(failure), requests=len(tickets))
        self._failed_at, self.failure = time.monotonic(), str(failure)
        refusal = unavailable(f"The log cannot be written: {failure}. Nothing of this request was kept; send it again.")
        for ticket in tickets:
            ticket.answer = refusal


def _fault(fault: Exception, kept: str) -> Answer:
    return problem(500, f"This request hit a fault of ours ({type(fault).__name__}). {kept}")
