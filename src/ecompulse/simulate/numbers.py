"""Random numbers that depend on what they are for, not on what was drawn before them: keys, uniform shares, UUIDs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Times = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]

# splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014), the finaliser of `SplittableRandom`
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)

HEX_PAIRS = np.frombuffer(b"".join(b"%02x" % n for n in range(256)), dtype=np.uint16)
VERSION_MASK = np.uint64(0xFFFFFFFFFFFF0FFF)
VARIANT_MASK = np.uint64(0x3FFFFFFFFFFFFFFF)
VARIANT = np.uint64(0x8000000000000000)


def key(*parts: object) -> np.uint64:
    """A 64-bit key for one purpose, the same on every machine (FNV-1a, then mixed); it need not be secret."""
    summed = 0xCBF29CE484222325
    for byte in repr(parts).encode():
        summed = (summed ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return np.uint64(mixed(np.array([summed], dtype=np.uint64), np.uint64(0))[0])


class Draws:
    """Random columns one after the other for one purpose: the same seed draws the same, whatever the version of NumPy.

    `numpy.random` would do it as fast, but takes 6 MB of memory and promises no stable stream.
    """

    def __init__(self, *parts: object) -> None:
        self._key, self._drawn = key(*parts), 0

    def shares(self, *shape: int) -> npt.NDArray[np.float64]:
        """Numbers from 0 up to 1."""
        count = math.prod(shape)
        numbers = np.arange(self._drawn, self._drawn + count)
        self._drawn += count
        return shares(numbers, self._key).reshape(shape)

    def integers(self, low: int, high: int, *shape: int) -> Times:
        """Whole numbers from `low` up to, not including, `high`."""
        return low + (self.shares(*shape) * (high - low)).astype(np.int64)


def mixed(numbers: npt.NDArray[Any], purpose: np.uint64) -> Words:
    """64 well-mixed bits for each number; another purpose gives unrelated bits."""
    with np.errstate(over="ignore"):
        x = (numbers.astype(np.uint64) + np.uint64(1)) * GOLDEN + purpose
        x = (x ^ (x >> np.uint64(30))) * FIRST
        x = (x ^ (x >> np.uint64(27))) * SECOND
    return np.asarray(x ^ (x >> np.uint64(31)), dtype=np.uint64)


def shares(numbers: npt.NDArray[Any], purpose: np.uint64) -> npt.NDArray[np.float64]:
    """A number from 0 up to 1 for each number."""
    return (mixed(numbers, purpose) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def random_uuids(numbers: npt.NDArray[Any], purpose: np.uint64) -> Words:
    """A version 4 UUID for each number, as rows of two words (RFC 9562, section 5.4)."""
    words = np.empty((len(numbers), 2), dtype=np.uint64)
    words[:, 0] = (mixed(numbers, purpose) & VERSION_MASK) | np.uint64(0x4000)
    words[:, 1] = (mixed(numbers, purpose ^ GOLDEN) & VARIANT_MASK) | VARIANT
    return words


def timed_uuids(times: Times, numbers: npt.NDArray[Any], purpose: np.uint64) -> Words:
    """A version 7 UUID for each time in milliseconds and number, as rows of two words (RFC 9562, section 5.7)."""
    words = np.empty((len(numbers), 2), dtype=np.uint64)
    words[:, 0] = (times.astype(np.uint64) << np.uint64(16)) | np.uint64(0x7000) | (mixed(numbers, purpose) & np.uint64(0xFFF))
    words[:, 1] = (mixed(numbers, purpose ^ GOLDEN) & VARIANT_MASK) | VARIANT
    return words


def uuid_bytes(words: Words) -> npt.NDArray[np.uint8]:
    """The 16 bytes of each UUID, most significant first."""
    return np.ascontiguousarray(words).astype(">u8").view(np.uint8).reshape(-1, 16)


def uuid_texts(words: Words) -> list[bytes]:
    """The 36 characters of each UUID."""
    pairs = HEX_PAIRS[uuid_bytes(words)]
    text = np.full((len(words), 36), ord("-"), dtype=np.uint8)
    digits = np.ascontiguousarray(pairs).view(np.uint8).reshape(-1, 32)
    for at, first, last in ((0, 0, 8), (9, 8, 12), (14, 12, 16), (19, 16, 20), (24, 20, 32)):
        text[:, at : at + last - first] = digits[:, first:last]
    texts: list[bytes] = text.view("S36").ravel().tolist()
    return texts
