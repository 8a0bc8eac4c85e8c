"""The mixes of independent events: `service` (page views, clicks, calls, errors) and `catalogue` (views, carts, purchases)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ecompulse.simulate.block import KIND, Block, Column, Orders, Sessions
from ecompulse.simulate.catalogue import Product, popularity
from ecompulse.simulate.numbers import Draws, Indices, Times, key, timed_uuids
from ecompulse.simulate.options import LATE_MS_MAX, Plan
from ecompulse.simulate.pace import HOUR_MS, Schedule
from ecompulse.simulate.shoppers import COUNTRIES, DEVICES, cumulative
from ecompulse.simulate.vocabulary import Vocabulary, call_durations_us

USERS = 100
"""user_001 to user_100."""
SESSION_MS = HOUR_MS // 2
"""A user's events of one half hour are one session."""
BLOCK_EVENTS = 65_536
PACED_BLOCK_SECONDS = 10

SERVICE = {"page_view": 70, "button_click": 15, "api_call": 10, "error": 5}
CATALOGUE = {"product_view": 60, "add_to_cart": 30, "purchase": 10}


@dataclass(frozen=True, slots=True)
class _Draws:
    """What is drawn for each event."""

    kind: Column
    user: Column
    choice: Column
    late_ms: Times
    duration_us: Times


def blocks(plan: Plan, vocabulary: Vocabulary, products: list[Product]) -> Iterator[Block]:
    """Events without end, at the times of the schedule."""
    weights = SERVICE if plan.mix == "service" else CATALOGUE
    kinds, chances = np.array([KIND[name] for name in weights], dtype=np.uint8), cumulative(list(weights.values()))
    random, schedule = Draws(plan.seed, plan.mix), Schedule(plan.density, plan.bursts)
    popular, prices = popularity(), np.array([product.cents for product in products], dtype=np.int64)
    size = BLOCK_EVENTS if plan.per_second is None else int(min(max(plan.per_second * PACED_BLOCK_SECONDS, 100), BLOCK_EVENTS))
    durations = call_durations_us(plan.seed, 74, 0.8)
    event_key, first = key(plan.seed, "event"), 0
    while True:
        number = np.arange(first, first + size)
        late = random.shares(size) < plan.late
        drawn = _Draws(
            kind=kinds[np.searchsorted(chances, random.shares(size))],
            user=random.integers(1, USERS + 1, size),
            choice=random.integers(0, 1 << 32, size),
            late_ms=np.where(late, random.integers(HOUR_MS, LATE_MS_MAX, size), 0),
            duration_us=durations[random.integers(0, len(durations), size)],
        )
        at = plan.start_ms + schedule.offsets_ms(number)
        timestamp = at - drawn.late_ms
        detail = drawn.choice % np.maximum(vocabulary.count[drawn.kind], 1)
        product = np.zeros(size, dtype=np.int64)
        if plan.mix == "catalogue":
            rank = np.searchsorted(popular, random.shares(size))
            product = drawn.choice % (len(products) // len(popular)) * len(popular) + rank
            detail = product.copy()
        detail += vocabulary.first[drawn.kind]
        orders = _single(drawn, product, prices, detail)
        session, sessions = _sessions(timestamp, drawn.user)
        yield Block(
            first=first,
            event_id=timed_uuids(timestamp, number, event_key),
            at=at,
            timestamp=timestamp,
            kind=drawn.kind,
            detail=detail,
            quantity=(drawn.kind == KIND["add_to_cart"]).astype(np.uint8),
            duration_us=np.where(drawn.kind == KIND["api_call"], drawn.duration_us, -1),
            session=session,
            known=np.ones(size, dtype=np.bool_),
            sessions=sessions,
            orders=orders,
            names="user",
        )
        first += size


def _single(drawn: _Draws, product: Column, prices: Times, detail: Indices) -> Orders:
    """Orders of one line; the purchases' details become the rows of the orders."""
    bought = np.flatnonzero(drawn.kind == KIND["purchase"])
    detail[bought] = np.arange(len(bought))
    quantity = np.ones(len(bought), dtype=np.int64)  # the columns of the CSV have no place for another
    nothing = np.zeros(len(bought), dtype=np.int64)
    total = prices[product[bought]]
    return Orders(product[bought, None], quantity[:, None], nothing, nothing, nothing, total, drawn.choice[bought] % 4)


def _sessions(timestamp: Times, user: Column) -> tuple[Indices, Sessions]:
    """The sessions of a block's events: one for each user and half hour."""
    number, session = np.unique(timestamp // SESSION_MS * (USERS + 1) + user, return_inverse=True)
    visitor = number % (USERS + 1)
    nothing = np.zeros(len(number), dtype=np.int64)
    return session, Sessions(
        number=number,
        visitor=visitor,
        device=visitor % len(DEVICES),
        country=visitor % len(COUNTRIES),
        traffic=nothing,
        products=np.zeros((len(number), 1), dtype=np.int64),
        delay_ms=nothing,
    )
