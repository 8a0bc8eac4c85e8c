"""Prepared HTTP requests of a synthetic shop's events, whose ids are rewritten in place so that no event is sent twice."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any, Final, Literal

import numpy as np

from bench.usual import usual
from ecompulse.simulate.faults import Faults
from ecompulse.simulate.options import Options, plan
from ecompulse.simulate.rows import Writer
from ecompulse.simulate.service import blocks, form

ID_CHARACTERS: Final = 36
JSON_MARK: Final = b'"event_id":"'
_HEX: Final = np.frombuffer(b"".join(b"%02x" % n for n in range(256)), np.uint8).reshape(256, 2)
_DASHES: Final = (8, 13, 18, 23)
_PLACES: Final = np.array([n for n in range(ID_CHARACTERS) if n not in _DASHES])

Ids = np.ndarray[Any, np.dtype[np.uint8]]


Fields = Literal["all", "usual"]


def shop_events(count: int, seed: int = 7, fields: Fields = "all") -> list[bytes]:
    """`count` events of the synthetic shop as JSON, about 630 bytes each; with the `usual` fields only (see there) 510."""
    agreed = plan(Options(seed=seed, events=count if fields == "all" else 2 * count, rate="max", to="-"))  # nine of ten are usual
    faults, writer = Faults(agreed), Writer(form(agreed))
    lines: list[bytes] = []
    for block in blocks(agreed):
        sending = faults.of(block)
        rows = writer.rows(block, sending, 0, len(sending))
        lines += rows if fields == "all" else usual(rows)
        if len(lines) >= count:
            break
    return lines[:count]


def uuid_texts(random: np.random.Generator, count: int, version: int = 7, time_ms: int = 0) -> Ids:
    """`count` new UUIDs (RFC 9562) of version 4 or 7 as rows of 36 characters."""
    raw = random.integers(0, 256, (count, 16), np.uint8)
    if version == 7:
        raw[:, :6] = np.frombuffer(time_ms.to_bytes(6, "big"), np.uint8)
    raw[:, 6] = (raw[:, 6] & 0x0F) | (version << 4)
    raw[:, 8] = (raw[:, 8] & 0x3F) | 0x80
    texts = np.full((count, ID_CHARACTERS), ord("-"), np.uint8)
    texts[:, _PLACES] = _HEX[raw].reshape(count, 32)
    return texts


def post(path: str, body: bytes, content_type: str = "application/json") -> bytes:
    """A request as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def batches(events: list[bytes], size: int) -> list[bytes]:
    """Bodies of `size` events each; a body of one event is the event itself, others are arrays."""
    if size == 1:
        return events
    return [b"[" + b",".join(events[start : start + size]) + b"]" for start in range(0, len(events) - size + 1, size)]


class Renewed:
    """Requests in turn, each with new ids in the places of the old ones."""

    def __init__(self, bodies: list[bytes], path: str = "/v1/events", seed: int = 1, version: int = 7, mark: bytes = JSON_MARK) -> None:
        self._random, self._version = np.random.default_rng(seed), version
        self._buffers = [bytearray(post(path, body)) for body in bodies]
        self._views = [np.frombuffer(buffer, np.uint8) for buffer in self._buffers]
        self._places = [_id_places(bytes(buffer), mark) for buffer in self._buffers]
        self.events = len(self._places[0])
        """Events of a request."""
        self._turn = itertools.cycle(range(len(bodies)))
        self._ids, self._used = np.empty((0, ID_CHARACTERS), np.uint8), 0

    def __iter__(self) -> Iterator[bytearray]:
        return self

    def __next__(self) -> bytearray:
        at = next(self._turn)
        places = self._places[at]
        if self._used + len(places) > len(self._ids):
            self._renew()
        self._views[at][places] = self._ids[self._used : self._used + len(places)]
        self._used += len(places)
        return self._buffers[at]

    def _renew(self) -> None:
        self._ids = uuid_texts(self._random, max(4_096, 4 * self.events), self._version, time.time_ns() // 1_000_000)
        self._used = 0


def _id_places(request: bytes, mark: bytes = JSON_MARK) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Where the characters of each event id, which follows `mark`, stand: one row an id."""
    found, at = [], 0
    while (at := request.find(mark, at)) >= 0:
        at += len(mark)
        found.append(at)
    return np.array(found)[:, None] + np.arange(ID_CHARACTERS)
