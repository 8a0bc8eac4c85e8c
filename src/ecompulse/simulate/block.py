"""A block of events as columns: what every mix makes, and every output, fault and truth reads."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from ecompulse.contract.event import EVENT_TYPES
from ecompulse.simulate.numbers import Indices, Times, Words

KINDS: tuple[str, ...] = tuple(EVENT_TYPES)
KIND: dict[str, int] = {name: code for code, name in enumerate(KINDS)}

Column = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Sessions:
    """Visits, one a row. `number` and `visitor` are unique over a run; `visit` decides by chance what the mixes leave open."""

    number: Times
    visitor: Times
    device: Column  # row of shoppers.DEVICES
    country: Column  # row of shoppers.COUNTRIES
    traffic: Column  # row of shoppers.TRAFFIC
    products: Column  # one row of product indices a session
    delay_ms: Times  # how late its events are sent; 0 for nearly all

    def __len__(self) -> int:
        return len(self.number)

    def take(self, rows: Column) -> Self:
        """The sessions of these rows."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    def followed_by(self, other: Self) -> Self:
        """These sessions and then the others."""
        return type(self)(*(np.concatenate((getattr(self, f.name), getattr(other, f.name))) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Orders:
    """Purchases, one a row, in euro cents; `total` is the sum of the lines less `discount` plus `shipping` plus `tax`, exactly.

    A line's quantity of 0 means that the line is not there.
    """

    product: Column  # one row of product indices an order
    quantity: Column  # the same shape
    discount: Times
    shipping: Times
    tax: Times
    total: Times
    payment: Column

    def __len__(self) -> int:
        return len(self.total)


@dataclass(frozen=True, slots=True)
class Block:
    """Events in the order of sending, one a row.

    `at` is when an event is due, `timestamp` when it says it happened (earlier, for a late one), both in milliseconds since 1970.
    `detail` is its row of the vocabulary, or of `orders` for a purchase; `quantity` is 0 and `duration_us` -1 where there is none;
    `known` says that the shopper has logged in. `first` is the number of its first event in the run.
    """

    first: int
    event_id: Words
    at: Times
    timestamp: Times
    kind: Column
    detail: Indices
    quantity: Column
    duration_us: Times
    session: Indices
    known: npt.NDArray[np.bool_]
    sessions: Sessions
    orders: Orders
    names: Literal["uuid", "user"] = "uuid"

    def __len__(self) -> int:
        return len(self.at)
