"""The time of capture, corrected where a device's clock is off: by its skew, never by how long a request took."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from ecompulse.contract.columns import FILLED_TIME, STORED, TIME
from ecompulse.process.step import Context
from ecompulse.process.steps.columns import Codes, code, join, put, take

SECOND_US: Final = 1_000_000
DAY_US: Final = 86_400 * SECOND_US

TOLERANCE_US: Final = 60 * SECOND_US
"""A clock is off when its estimate is beyond this. `received_at − sent_at` is the skew and the delay of the request together, so a healthy
device shows its delay; senders give a request up within 10 to 30 s, and devices that set their clocks by the network are right to a few
seconds. What is beyond a minute is a clock, and what is within moves no event to another session or hour that matters."""
FORGET_US: Final = DAY_US
"""Length of a generation: what was not met for one to two of them is forgotten; who comes every day is not."""
KEYS_MAX: Final = 65_536
"""Devices and sessions in a generation, about 7 MB in memory and 0.5 MB saved; with more, they are forgotten sooner."""
_EARLIEST_US: Final = 946_684_800 * SECOND_US  # the year 2000: no time before it is taken at the door

_FIELDS: Final = [STORED.field("timestamp"), STORED.field("device_timestamp")]
_SEPARATOR: Final = "\x1f"
_CACHED_KEYS: Final = 8_192  # about 4 MB: sessions that are in one batch are mostly in the next
Micros = npt.NDArray[np.int64]


class _Saved(Struct, frozen=True, array_like=True):
    """The memory as it is saved: keys whose value is 0 without it, since nearly all are."""

    generation: int
    recent: tuple[bytes, bytes, bytes]
    older: tuple[bytes, bytes, bytes]


class ClockSkew:
    """Corrects `timestamp` and keeps what the device said in `device_timestamp`.

    A device is its `anonymous_id` at a site (else its session, else its user). Its estimate is the smallest `received_at − sent_at` seen:
    that is the skew and the shortest delay. Within the tolerance the clock is right and the estimate 0; a request that shows a difference
    within the tolerance proves it (a delay would have to cancel the skew), so a clock that was set right is not corrected any longer.

    A session takes the estimate of its device at its first event and keeps it: every event of it moves by the same amount, so their order
    is the order of capture whatever is learned later. Events without a session id count as one session a day (of receipt) and device.

    Left alone are events without `sent_at`, with a filled timestamp, with a `sent_at` that cannot be (before the event, before the year
    2000, a day after receipt), and any that would come to lie more than a day after their receipt.
    """

    def __init__(self, keys_max: int = KEYS_MAX) -> None:
        self._keys_max = keys_max
        self._generation = -1
        self._recent: dict[int, int] = {}
        self._older: dict[int, int] = {}

    def __call__(self, batch: pa.RecordBatch, _context: Context) -> pa.RecordBatch:
        timestamp, received = _micros(take(batch, "timestamp", TIME)), _micros(take(batch, "received_at", TIME))
        sent_column = take(batch, "sent_at", TIME)
        sent = _micros(sent_column)
        usable = (
            sent_column.is_valid().to_numpy(zero_copy_only=False)
            & ((take(batch, "filled", pa.uint8()).to_numpy() & FILLED_TIME) == 0)
            & (sent >= np.maximum(timestamp - TOLERANCE_US, _EARLIEST_US))
            & (sent <= received + DAY_US)
        )
        original = take(batch, "timestamp", TIME)
        rows = np.flatnonzero(usable)
        if not len(rows):
            return put(batch, _FIELDS, [original, original])
        sessions, codes = _sessions(batch, rows, received)
        correction = self._corrections(sessions, codes, received[rows] - sent[rows], received[rows])
        corrected = timestamp[rows] + correction
        apply = (correction != 0) & (corrected <= received[rows] + DAY_US)
        if not apply.any():
            return put(batch, _FIELDS, [original, original])
        moved = timestamp.copy()
        moved[rows[apply]] = corrected[apply]
        return put(batch, _FIELDS, [pa.array(moved, pa.int64()).cast(TIME), original])

    def state(self) -> bytes:
        return msgspec.msgpack.encode(_Saved(self._generation, _packed(self._recent), _packed(self._older)))

    def restore(self, state: bytes) -> None:
        saved = msgspec.msgpack.decode(state, type=_Saved)
        self._generation, self._recent, self._older = saved.generation, _unpacked(saved.recent), _unpacked(saved.older)

    def _corrections(self, sessions: list[tuple[int, int]], codes: Codes, difference: Micros, received: Micros) -> Micros:
        """Return each row's correction, in effect row by row: to forget falls between two rows, not between two batches."""
        generation = int(received.max()) // FORGET_US
        new = len({key for session in sessions for key in session if key not in self._recent})
        if generation > self._generation or len(self._recent) + new > self._keys_max:
            if len(codes) == 1:
                self._forget(generation)
            else:
                halves = slice(len(codes) // 2), slice(len(codes) // 2, None)
                return np.concatenate([self._part(sessions, codes, difference, received, half) for half in halves])
        pins = self._pins(sessions, codes, difference)
        return pins[codes]

    def _part(self, sessions: list[tuple[int, int]], codes: Codes, difference: Micros, received: Micros, part: slice) -> Micros:
        present, at = np.unique(codes[part], return_inverse=True)
        return self._corrections([sessions[code] for code in present.tolist()], at, difference[part], received[part])

    def _forget(self, generation: int) -> None:
        """Begin a new generation, because its time has come or the present one is full."""
        self._older = self._recent if generation <= self._generation + 1 else {}
        self._recent = {}
        self._generation = max(generation, self._generation)

    def _pins(self, sessions: list[tuple[int, int]], codes: Codes, difference: Micros) -> Micros:
        """Learn from the rows, and return the correction of each session."""
        off = np.abs(difference) > TOLERANCE_US
        if off.any():
            doubtful = {sessions[code][0] for code in set(codes[off].tolist())}
            in_doubt = np.array([device in doubtful for device, _ in sessions])[codes]
            for code, seen in zip(codes[in_doubt].tolist(), difference[in_doubt].tolist(), strict=True):
                self._learn(sessions[code], seen)
        else:
            doubtful = set()
        for session in sessions:
            if session[0] not in doubtful:
                self._learn(session, 0)
        return np.array([self._recent[key] for _, key in sessions], dtype=np.int64)

    def _learn(self, session: tuple[int, int], seen: int) -> None:
        """Take one difference in: the device's estimate, and the session's correction if this is its first event."""
        device, key = session
        if abs(seen) <= TOLERANCE_US:
            estimate = 0
        else:
            known = self._known(device)
            estimate = seen if known is None else min(known, seen)
        self._recent[device] = estimate
        if key not in self._recent:
            known = self._older.get(key)
            self._recent[key] = estimate if known is None else known

    def _known(self, key: int) -> int | None:
        known = self._recent.get(key)
        return self._older.get(key) if known is None else known


def _micros(times: pa.Array) -> Micros:
    values: Micros = times.cast(pa.int64()).fill_null(0).to_numpy()
    return values


def _sessions(batch: pa.RecordBatch, rows: Codes, received: Micros) -> tuple[list[tuple[int, int]], Codes]:
    """Return the keys of device and session of each distinct session, and for each of the rows the number of its session."""
    at = pa.array(rows)
    every = len(rows) == batch.num_rows
    site, anonymous, session, user = (
        column if every else column.take(at) for column in (take(batch, name) for name in ("site", "anonymous_id", "session_id", "user_id"))
    )
    device = pc.coalesce(anonymous, session, user)
    if session.null_count:
        day = pc.cast(pa.array(received[rows] // DAY_US), pa.string())
        session = pc.coalesce(session, pc.binary_join_element_wise("", "day", day, _SEPARATOR))
    names, codes = join([code(site), code(device), code(session)])
    return [_keys(*name) for name in names], codes


@lru_cache(maxsize=_CACHED_KEYS)
def _keys(site: str | None, device: str | None, session: str) -> tuple[int, int]:
    """Keys of 64 bits instead of ids: two in a hundred thousand meet by chance once in a billion times, and no id of a person is kept."""
    name = f"{site}{_SEPARATOR}{device}"
    return _key(name, b"device"), _key(f"{name}{_SEPARATOR}{session}", b"session")


def _key(name: str, kind: bytes) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8, person=kind).digest())


def _packed(memory: dict[int, int]) -> tuple[bytes, bytes, bytes]:
    keys = np.fromiter(memory.keys(), dtype="<u8", count=len(memory))
    values = np.fromiter(memory.values(), dtype="<i8", count=len(memory))
    right = values == 0
    return keys[right].tobytes(), keys[~right].tobytes(), values[~right].tobytes()


def _unpacked(packed: tuple[bytes, bytes, bytes]) -> dict[int, int]:
    right, keys, values = packed
    memory = dict.fromkeys(np.frombuffer(right, dtype="<u8").tolist(), 0)
    memory.update(zip(np.frombuffer(keys, dtype="<u8").tolist(), np.frombuffer(values, dtype="<i8").tolist(), strict=True))
    return memory
