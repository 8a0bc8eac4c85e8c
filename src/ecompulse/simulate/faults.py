"""Faults on purpose: which events are sent again later, and which are sent malformed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ecompulse.simulate.block import KIND, Block, Column
from ecompulse.simulate.numbers import Times, key, shares
from ecompulse.simulate.options import Plan

SOUND, REPEATED, MALFORMED = 0, 1, 2
REPEAT_DISTANCE_MAX = 5_000
"""How many events later a repetition comes, at most: in the same request or in a later one, and few bytes to keep until then."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What is sent for a block, in order: the number of each event in the run, what became of it, and when it is due.

    `again` holds the numbers of events whose bytes must be kept, since they are sent once more.
    """

    number: Times
    fate: npt.NDArray[np.uint8]
    at: Times
    again: frozenset[int]

    def __len__(self) -> int:
        return len(self.number)


class Faults:
    """Faults at the given shares of what is sent; each depends on the seed and the event's number alone."""

    def __init__(self, plan: Plan) -> None:
        sound = 1 - plan.duplicates
        self._repeated, self._malformed = plan.duplicates / sound, plan.malformed / sound
        self._keys = [key(plan.seed, purpose) for purpose in ("repeat", "distance", "malform")]
        self._owed = np.zeros((2, 0), dtype=np.int64)  # places and numbers of repetitions that come in a later block

    def of(self, block: Block) -> Sending:
        """What is sent for a block: its events, and the repetitions that fall among them."""
        number = np.arange(block.first, block.first + len(block))
        fate = np.zeros(len(block), dtype=np.uint8)
        if self._malformed:  # a login stays sound: without it nobody could tell who its visitor is
            fate[(shares(number, self._keys[2]) < self._malformed) & (block.kind != KIND["user_login"])] = MALFORMED
        if not self._repeated:
            return Sending(number, fate, block.at, frozenset())
        again = number[(shares(number, self._keys[0]) < self._repeated) & (fate == SOUND)]
        place = again + 1 + (shares(again, self._keys[1]) ** 3 * REPEAT_DISTANCE_MAX).astype(np.int64)
        owed = np.concatenate((self._owed, np.stack((place, again))), axis=1)
        now = owed[0] <= int(number[-1])
        self._owed = owed[:, ~now]
        return _merged(block, fate, owed[:, now], frozenset(again.tolist()))


def _merged(block: Block, fate: Column, repeated: Column, again: frozenset[int]) -> Sending:
    """Events in their order, each repetition right after the event whose number is its place."""
    number = np.arange(block.first, block.first + len(block))
    order = np.argsort(np.concatenate((number * 2, repeated[0] * 2 + 1)), kind="stable")
    fates = np.concatenate((fate, np.full(repeated.shape[1], REPEATED, dtype=np.uint8)))[order]
    at = np.concatenate((block.at, np.zeros(repeated.shape[1], dtype=np.int64)))[order]
    return Sending(np.concatenate((number, repeated[1]))[order], fates, np.maximum.accumulate(at), again)
