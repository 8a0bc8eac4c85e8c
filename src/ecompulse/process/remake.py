"""A store made for a span of receipt: what was received in it again from the log with today's steps, all else from the store in use.

What an event became (new, a duplicate, another event under a used id) is kept as the store in use has it; only the rows that the steps made
are made again, and the dead letters of events that a step or the store could not take. Sums are made from rows as they always are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec import Struct

from ecompulse.contract.columns import LOGGED
from ecompulse.log import DamagedEntry, Entry, Reader
from ecompulse.log.sqlite.append import PARTITIONS_MAX
from ecompulse.process.engine import NO_ROWS, ROUND_EVENTS, TAIL_ROWS, placed, stepped
from ecompulse.process.fingerprint import fingerprints
from ecompulse.process.link import link_ids
from ecompulse.process.outcomes import count, key_of
from ecompulse.process.step import Context, StepFailed, Steps
from ecompulse.store import Addition, LedgerKey, PlacedLetter
from ecompulse.store.duckdb import DuckDBStore
from ecompulse.store.duckdb.carry import Durable, Numbers, Places, Span, put

LETTERS_MAX: Final = 20_000
"""Dead letters of a transaction at most: they are Python objects until then, about 2 kB each."""
_READ: Final = 2**62
"""The position of a partition of which nothing more is wanted."""


class Mismatch(Exception):
    """What was put into the new store is not what the old one has; nothing was exchanged."""


class Remade(Struct):
    """How far it is, and what became of the rows of the store in use."""

    of: int = 0
    """Events to carry over or make again; those that only failed so far may come on top."""
    carried: int = 0
    """Rows that are as they were because they were received outside of the span."""
    made: int = 0
    """Events of the span that went through the steps again."""
    kept: int = 0
    """Rows of the span that are as they were, because their entries in the log are damaged or gone."""


class Remake:
    """Fills a new store up to the durable positions of an old one. `run` is a thread's work, once."""

    def __init__(
        self,
        old: DuckDBStore,
        new: DuckDBStore,
        *,
        reader: Reader,
        log_begins: Mapping[int, int],
        span: Span,
        steps: Steps,
        context: Context,
        stopped: Callable[[], bool],
    ) -> None:
        """Take what belongs together of the old store; `run` does the rest.

        Args:
            old: the store in use, which may be written meanwhile.
            new: an empty one, of which nothing is whole before `run` has ended.
            reader: a reader of the log for which retention waits.
            log_begins: the first offset that each partition still has.
            span: what is made again.
            steps: new ones, whose states are empty.
            context: what they are told.
            stopped: asked now and then; when it says so, `run` returns early with an unfinished store.
        """
        self._old, self._new, self._span = old, new, span
        self._reader, self._log_begins = reader, log_begins
        self._steps, self._learning, self._context, self._stopped = steps, steps.up_to_state(), context, stopped
        self._durable = Durable(old)
        self._standing = link_ids(self._durable, old.folder, new.folder)
        self._ledger: Counter[LedgerKey] = Counter({key: n for key, n in self._standing.ledger.items() if key.outcome != "stored"})
        self._failed: dict[int, tuple[Numbers, Numbers]] = {}
        self._again: dict[int, set[int]] = {}
        """Places of dead letters whose events went through the steps again, by partition."""
        self._letters = 0
        self.done = Remade(self._standing.rows)

    def run(self) -> None:
        """Fill the new store.

        Raises:
            Mismatch: rows of the old store were not met, or met twice.
            LogError: the log cannot be read.
            StoreError: the new store cannot be written.
            OSError: as a step raised it.
        """
        try:
            for work in (self._before, self._within, self._after, self._letters_and_counts):
                if self._stopped():
                    return
                work()
            self._must_be_whole()
        finally:
            self._durable.close()

    # ---- what is carried over -------------------------------------------------------------------------------------------

    def _before(self) -> None:
        self._carry(self._span.before)

    def _after(self) -> None:
        self._carry(self._span.after)

    def _carry(self, where: str) -> None:
        if where != "false":
            for partition, end in self._standing.positions.items():
                self.done.carried += self._copy(partition, 0, end, where)

    def _copy(self, partition: int, start: int, end: int, where: str) -> int:
        copied = 0
        for rows in self._durable.rows(partition, start, end, where):
            if self._stopped():
                break
            self._add(rows, [])
            copied += len(rows)
        return copied

    def _letters_and_counts(self) -> None:
        """The letters that stay, the counts of everything that is no row, and what belongs to the positions."""
        for partition, end in self._standing.positions.items():
            again = self._again.get(partition, set())
            for letters in self._durable.letters(partition, end):
                for letter in letters:
                    if letter.offset in again:
                        self._ledger[key_of(letter.letter, "dead_letter")] -= 1
                self._add(None, [letter for letter in letters if letter.offset not in again], counted=False)
        self._flush()
        put(self._new, self._standing.others)
        counts = Counter({key: n for key, n in self._ledger.items() if n})
        self._new.add(Addition(NO_ROWS, [], counts, self._standing.positions))
        state = dict(self._standing.state)
        if self._span.until is None:
            state["steps"] = self._steps.state()  # all that came last went through them
        if self._new.freeze():
            self._new.flush(self._standing.id_runs, state)

    def _must_be_whole(self) -> None:
        """The same property on the other side: as many rows and dead letters as before, in another sharing at most."""
        ours = Durable(self._new)
        try:
            found = ours.standing()
        finally:
            ours.close()
        before, after = self._standing.ledger.total(), found.ledger.total()
        stored = sum(n for key, n in found.ledger.items() if key.outcome == "stored")
        if before != after or stored != found.rows or min(found.ledger.values(), default=0) < 0:
            raise Mismatch(
                f"the new store would have {found.rows:,} rows and account for {after:,} events, {stored:,} of them stored; "
                f"the one in use has {self._standing.rows:,} rows and accounts for {before:,} events"
            )

    # ---- what is made again ---------------------------------------------------------------------------------------------

    def _within(self) -> None:
        """Read the log, as far back as steps with state can learn from it, and make the rows of the span again."""
        positions, ends = self._course()
        known = Places(self._durable)
        while any(position < ends[partition] for partition, position in positions.items()) and not self._stopped():
            try:
                entries = self._reader.read(self._asked(positions, ends), ROUND_EVENTS)
            except DamagedEntry as error:
                self._keep(error.partition, positions[error.partition], min(error.offset + error.count, ends[error.partition]))
                positions[error.partition] = error.offset + error.count
                continue
            if not entries:  # the end of the log was lost, but not what the store had of it
                for partition, position in positions.items():
                    self._keep(partition, position, ends[partition])
                return
            self._round(entries, ends, known)
            positions |= {entry.partition: entry.offset + entry.count for entry in entries}

    def _asked(self, positions: Mapping[int, int], ends: Mapping[int, int]) -> dict[int, int]:
        """Where to read on: nowhere in partitions that are done, or have nothing to make."""
        nowhere = dict.fromkeys(range(PARTITIONS_MAX), _READ)
        return nowhere | {partition: position for partition, position in positions.items() if position < ends[partition]}

    def _course(self) -> tuple[dict[int, int], dict[int, int]]:
        """From where and up to where each partition is read."""
        starts, ends = {}, {}
        for partition, position in self._standing.positions.items():
            self._failed[partition] = places, received = self._durable.failed(partition, position)
            first, last = self._durable.reach(partition, position, self._span)
            within = places[self._span.holds(received)]
            if len(within):
                first, last = min(first if first is not None else position, int(within[0])), max(last or 0, int(within[-1]))
            begin = self._log_begins.get(partition, position)
            starts[partition] = begin if self._learning.names else max(begin, first if first is not None else position)
            ends[partition] = position if self._span.until is None else last + 1 if last is not None else 0
        return starts, ends

    def _round(self, entries: list[Entry], ends: Mapping[int, int], known: Places) -> None:
        batch = placed(entries)
        if batch is None:
            self._keep_unmet(entries, ends, known, {})
            return
        partitions, offsets = (batch.column(name).to_numpy().astype(np.int64) for name in ("log_partition", "log_offset"))
        new = np.zeros(len(batch), bool)
        met: dict[int, Numbers] = {}
        for partition in np.unique(partitions).tolist():
            here = partitions == partition
            met[partition] = offsets[here]
            rows = known.rows(partition, met[partition], ends[partition])
            new[here] = (np.isin(met[partition], rows) | np.isin(met[partition], self._failed[partition][0])) & (
                met[partition] < ends[partition]
            )
        self._keep_unmet(entries, ends, known, met)
        batch = batch.filter(pa.array(new))
        within = self._span.holds(batch.column("received_at").cast(pa.int64()).to_numpy())
        for start, end in _stretches(within):
            stretch = batch.slice(start, end - start)
            if within[start]:
                self._make(stretch)
            else:
                self._learn(stretch)

    def _make(self, batch: pa.RecordBatch) -> None:
        prints = pa.array(fingerprints(batch.select(LOGGED.names)), pa.uint64())
        rows, letters = stepped(batch.append_column("fingerprint", prints), self._steps, self._context)
        for partition, offset in zip(batch.column("log_partition").to_pylist(), batch.column("log_offset").to_pylist(), strict=True):
            places = self._failed[partition][0]
            at = int(np.searchsorted(places, offset))
            if at < len(places) and places[at] == offset:
                self._again.setdefault(partition, set()).add(offset)
        self._add(rows, letters)
        self.done.made += len(batch)

    def _learn(self, batch: pa.RecordBatch) -> None:
        """Let steps with state see events whose rows stay as they are, in their order."""
        if not self._learning.names:
            return
        try:
            self._learning.apply(batch, self._context)
        except StepFailed:
            if len(batch) > 1:
                half = len(batch) // 2
                self._learn(batch.slice(0, half))
                self._learn(batch.slice(half))

    # ---- what can no longer be made again -------------------------------------------------------------------------------

    def _keep(self, partition: int, start: int, end: int) -> None:
        """Carry over rows of the span whose entries in the log are damaged."""
        if start < end:
            self.done.kept += self._copy(partition, start, end, f"not ({self._span.before}) and not ({self._span.after})")

    def _keep_unmet(self, entries: list[Entry], ends: Mapping[int, int], known: Places, met: Mapping[int, Numbers]) -> None:
        """Rows that the store has of these entries, and the log has not any longer."""
        covered: dict[int, tuple[int, int]] = {}
        for entry in entries:
            start, _ = covered.get(entry.partition, (entry.offset, 0))
            covered[entry.partition] = start, min(entry.offset + entry.count, ends[entry.partition])
        for partition, (start, end) in covered.items():
            rows = known.between(partition, start, end)
            for offset in rows[~np.isin(rows, met.get(partition, rows[:0]))].tolist():
                self._keep(partition, offset, offset + 1)

    # ---- the new store --------------------------------------------------------------------------------------------------

    def _add(self, rows: pa.RecordBatch | None, letters: list[PlacedLetter], *, counted: bool = True) -> None:
        ledger: Counter[LedgerKey] = Counter()
        if counted:
            self._ledger.update(key_of(placed.letter, "dead_letter") for placed in letters)
        if rows is not None:
            count(ledger, rows, "stored")
        rows = NO_ROWS if rows is None else rows
        room = TAIL_ROWS - self._new.tail_rows
        self._put(Addition(rows.slice(0, room), letters, ledger, self._standing.positions))
        for start in range(room, len(rows), TAIL_ROWS):
            self._put(Addition(rows.slice(start, TAIL_ROWS), [], {}, self._standing.positions))

    def _put(self, addition: Addition) -> None:
        self._new.add(addition)
        self._letters += len(addition.dead_letters)
        if self._new.tail_rows == TAIL_ROWS or self._letters >= LETTERS_MAX:
            self._flush()

    def _flush(self) -> None:
        self._letters = 0
        if self._new.freeze():
            self._new.flush((), {})


def _stretches(flags: np.ndarray[Any, Any]) -> Iterator[tuple[int, int]]:
    """Runs of equal flags, as (start, end)."""
    if len(flags):
        cuts = (np.flatnonzero(flags[1:] != flags[:-1]) + 1).tolist()
        yield from zip([0, *cuts], [*cuts, len(flags)], strict=True)
