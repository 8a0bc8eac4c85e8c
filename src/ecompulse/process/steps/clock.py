"""The time of capture, corrected where a device's clock is off: by its skew, never by how long a request took."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Struct

from ecompulse.contract.columns import FILLED_TIME, STORED, TIME
from ecompulse.process.fingerprint import SCHEME
from ecompulse.process.step import Context
from ecompulse.process.steps.columns import Codes, put, take

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
_SEEDS: Final = {"site": 1, "device": 2, "session": 3, "day": 4}
Micros = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


class _Saved(Struct, frozen=True, array_like=True):
    """The memory as it is saved: keys whose value is 0 without it, since nearly all are. `scheme` names what made the keys."""

    scheme: str
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
        devices, sessions = _keys(batch, received)
        correction = self._corrections(devices[rows], sessions[rows], received[rows] - sent[rows], received[rows])
        corrected = timestamp[rows] + correction
        apply = (correction != 0) & (corrected <= received[rows] + DAY_US)
        if not apply.any():
            return put(batch, _FIELDS, [original, original])
        moved = timestamp.copy()
        moved[rows[apply]] = corrected[apply]
        return put(batch, _FIELDS, [pa.array(moved, pa.int64()).cast(TIME), original])

    def state(self) -> bytes:
        return msgspec.msgpack.encode(_Saved(SCHEME, self._generation, _packed(self._recent), _packed(self._older)))

    def restore(self, state: bytes) -> None:
        """Take up what was saved; what another version hashed cannot be found again, and is learned anew."""
        saved = msgspec.msgpack.decode(state, type=_Saved)
        if saved.scheme == SCHEME:
            self._generation, self._recent, self._older = saved.generation, _unpacked(saved.recent), _unpacked(saved.older)

    def _corrections(self, devices: Keys, sessions: Keys, difference: Micros, received: Micros) -> Micros:
        """Return each row's correction, in effect row by row: to forget falls between two rows, not between two batches."""
        generation = int(received.max()) // FORGET_US
        firsts, codes = _distinct(sessions)
        device_of, keys = devices[firsts].tolist(), sessions[firsts].tolist()
        if generation > self._generation or len(self._recent) + len({*device_of, *keys}.difference(self._recent)) > self._keys_max:
            if len(codes) == 1:
                self._forget(generation)
            else:
                half = len(codes) // 2
                early = self._corrections(devices[:half], sessions[:half], difference[:half], received[:half])
                return np.concatenate([early, self._corrections(devices[half:], sessions[half:], difference[half:], received[half:])])
        return self._learn(device_of, keys, codes, difference)[codes]

    def _forget(self, generation: int) -> None:
        """Begin a new generation, because its time has come or the present one is full."""
        self._older = self._recent if generation <= self._generation + 1 else {}
        self._recent = {}
        self._generation = max(generation, self._generation)

    def _learn(self, devices: list[int], sessions: list[int], codes: Codes, difference: Micros) -> Micros:
        """Learn from the rows, and return the correction of each session; `devices` has the device of each session."""
        off = np.abs(difference) > TOLERANCE_US
        if not off.any():
            self._meet(devices, sessions)
        else:
            doubtful = {devices[code] for code in set(codes[off].tolist())}
            in_doubt = np.array([device in doubtful for device in devices])
            rows = in_doubt[codes]
            for code, seen in zip(codes[rows].tolist(), difference[rows].tolist(), strict=True):
                self._meet([devices[code]], [sessions[code]], self._estimate(devices[code], seen))
            sure = np.flatnonzero(~in_doubt).tolist()
            self._meet([devices[code] for code in sure], [sessions[code] for code in sure])
        return np.fromiter(map(self._recent.__getitem__, sessions), dtype=np.int64, count=len(sessions))

    def _estimate(self, device: int, seen: int) -> int:
        if abs(seen) <= TOLERANCE_US:
            return 0
        known = self._recent.get(device, self._older.get(device))
        return seen if known is None else min(known, seen)

    def _meet(self, devices: list[int], sessions: list[int], estimate: int = 0) -> None:
        """Set the estimate of devices, and the correction of those of their sessions that have none."""
        self._recent.update(dict.fromkeys(devices, estimate))
        met = [key for key in sessions if key not in self._recent]
        self._recent.update((key, self._older.get(key, estimate)) for key in met)


def _micros(times: pa.Array) -> Micros:
    values: Micros = times.cast(pa.int64()).fill_null(0).to_numpy()
    return values


def _keys(batch: pa.RecordBatch, received: Micros) -> tuple[Keys, Keys]:
    """Return for each row the key of its device and of its session.

    Keys are 64 bits instead of ids: two of a hundred thousand are the same once in a billion times, and no id of a person is kept.
    """
    anonymous, session, user = take(batch, "anonymous_id"), take(batch, "session_id"), take(batch, "user_id")
    device = _joined(_hashed(take(batch, "site"), "site"), _hashed(anonymous.fill_null(session).fill_null(user), "device"))
    of_session = _hashed(session, "session")
    if session.null_count:
        days = _hashed(pa.array(received // DAY_US), "day")
        of_session = np.where(session.is_null().to_numpy(zero_copy_only=False), days, of_session)
    return device, _joined(device, of_session)


def _hashed(column: pa.Array, what: str) -> Keys:
    import polars as pl  # takes 0.35 s, which a start after a crash need not wait for

    series = pl.from_arrow(column)
    assert isinstance(series, pl.Series)
    keys: Keys = series.hash(_SEEDS[what]).to_numpy()
    return keys


def _joined(left: Keys, right: Keys) -> Keys:
    """Mix two keys into one; not symmetric, so that neither may stand for the other."""
    mixed: Keys = (left ^ (right + np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= (mixed >> np.uint64(31)) ^ (left << np.uint64(1))
    return mixed


def _distinct(keys: Keys) -> tuple[Codes, Codes]:
    """Return the row where each key first appears, and for each row the number of its key."""
    codes: Codes = pa.array(keys).dictionary_encode().indices.to_numpy().astype(np.int64)
    firsts = np.zeros(int(codes.max()) + 1, dtype=np.int64)
    firsts[codes[::-1]] = np.arange(len(codes))[::-1]  # of several writes to a place the last stays: the first row
    return firsts, codes


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
