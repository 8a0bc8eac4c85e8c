"""The shop mix: visits that start in the shop's rhythm, walk a journey, and come out as one stream in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ecompulse.simulate import journeys as walks
from ecompulse.simulate import pace
from ecompulse.simulate.block import KIND, Block, Column, Orders, Sessions
from ecompulse.simulate.catalogue import CATEGORIES, PRODUCTS_PER_CATEGORY, Product, popularity
from ecompulse.simulate.journeys import JOURNEYS, SLOTS, Journeys
from ecompulse.simulate.numbers import Draws, Indices, Times, key, shares, timed_uuids
from ecompulse.simulate.options import LATE_MS_MAX, Plan
from ecompulse.simulate.shoppers import COUNTRIES, DEVICES, FLASH_SALE, TRAFFIC, cumulative
from ecompulse.simulate.vocabulary import DURATIONS, FRUITLESS, SEARCHES, Vocabulary, call_durations_us

BLOCK_EVENTS = 65_536
"""Events a block, about: large enough that columns pay, small enough for the caches of a core."""
LIVE_WINDOW_MS = 10_000
"""At the pace of the clock a block is ten seconds at most: memory stays small, and so does the time to the first event."""
DENSITY_MAX = 1_000.0
"""Events a second of the shop's own time, at most; at higher rates visits pass quicker. All visits under way are kept in memory."""
NUMBERS_AN_HOUR = 10_000_000
"""For the events, visits and visitors of an hour of a demonstration: more than there are at `DENSITY_MAX`."""
BINS = 16
"""Parts of a window with a rate of visits of their own."""
RETURNING = 0.45
"""Share of visits that are tried with somebody who may have been here before."""
SEARCHES_PER_CATEGORY = len(next(iter(SEARCHES.values())).split(","))

_DEVICES, _COUNTRIES, _TRAFFIC = (cumulative([row.weight for row in rows]) for rows in (DEVICES, COUNTRIES, TRAFFIC))
_IN_APP = np.array([device.source == "mobile" for device in DEVICES])
_TAX_PERCENT = np.array([country.tax_percent for country in COUNTRIES], dtype=np.int64)
_FREE_SHIPPING_CENTS, _SHIPPING_CENTS, _PAYMENTS = 5000, 490, 4


@dataclass(slots=True)
class _Pending:
    """Events of visits that have begun but lie ahead of the stream."""

    at: Times
    step: Indices  # row of the journeys
    session: Indices
    sessions: Sessions


class Shop:
    """The visits of one run. Somebody who returns does so only after the visit before, so each visitor's events are apart in time."""

    def __init__(self, plan: Plan, products: list[Product], vocabulary: Vocabulary) -> None:
        self._plan, self._vocabulary = plan, vocabulary
        self._density = min(plan.density, DENSITY_MAX)
        self._journeys = walks.write(plan.seed)
        self._random = Draws(plan.seed, "visits")
        self._prices = np.array([product.cents for product in products], dtype=np.int64)
        self._popularity = popularity()
        self._event_key, self._who_key = key(plan.seed, "event"), key(plan.seed, "who")
        loyal = int(max(self._density * 150, 1_000))  # for each some visits an hour, at any density
        self._free_at = np.zeros(loyal, dtype=np.int64)
        self._sessions, self._visitors = 0, loyal
        self._durations = call_durations_us(plan.seed, 37, 0.7)

    def blocks(self) -> Iterator[Block]:
        """Events without end; times follow the rhythm, or the schedule if the plan says so."""
        plan = self._plan
        longest = LIVE_WINDOW_MS if plan.per_second is not None or plan.demo else pace.HOUR_MS
        window = int(min(max(BLOCK_EVENTS / self._density * 1000, 1000), longest))
        schedule = pace.Schedule(plan.density, plan.bursts)
        ahead, opens, sent = self._none_pending(), plan.start_ms, 0
        while True:
            if plan.demo and opens % pace.HOUR_MS == 0:
                sent = self._begin_hour(opens // pace.HOUR_MS)
            ahead = self._joined(ahead, self._visits(opens, window))
            opens += window
            due = ahead.at < opens
            rows = np.flatnonzero(due)
            rows = rows[np.argsort(ahead.at[rows], kind="stable")]
            if len(rows):
                at = ahead.at[rows]
                if plan.scheduled:
                    at = plan.start_ms + schedule.offsets_ms(np.arange(sent, sent + len(rows)))
                yield self._block(sent, at, ahead.step[rows], ahead.session[rows], ahead.sessions)
                sent += len(rows)
            ahead = _left(ahead, ~due)

    def _begin_hour(self, hour: int) -> int:
        """Draw the visits of an hour (since 1970) from nothing but its number; returns the number of its first event.

        A demonstration that is started late in the day would otherwise have to draw all of it first.
        """
        first = hour * NUMBERS_AN_HOUR
        self._random = Draws(self._plan.seed, f"visits of hour {hour}")
        self._free_at[:] = 0
        self._sessions, self._visitors = first, first + len(self._free_at)
        return first

    def _none_pending(self) -> _Pending:
        none = np.zeros(0, dtype=np.int64)
        nobody = Sessions(none, none, none, none, none, np.zeros((0, SLOTS), dtype=np.int64), none)
        return _Pending(none, none, none, nobody)

    def _starts(self, opens: int, window: int) -> Times:
        """When visits of a window begin: at random, by the rhythm."""
        width = window / BINS
        bins = (opens + np.arange(BINS) * width).astype(np.int64)
        middles = bins + int(width / 2)
        plan = self._plan
        busy = pace.flat(middles) if plan.scheduled else pace.wobble(middles) if plan.demo else pace.rhythm(middles)
        if plan.demo:
            busy = np.where((middles % plan.bursts.interval_ms) < plan.bursts.duration_ms, busy * plan.bursts.multiplier, busy)
        expected = np.cumsum(self._density * width / 1000 / self._journeys.mean_length * busy)
        count = int(expected[-1] + self._random.shares(1)[0])
        place = self._random.shares(count) * expected[-1]
        edges = np.append(bins, opens + window)
        return np.asarray(np.sort(np.interp(place, np.concatenate(([0.0], expected)), edges)).astype(np.int64))

    def _visits(self, opens: int, window: int) -> _Pending:
        """The visits that begin in a window, with all their events."""
        starts, random = self._starts(opens, window), self._random
        count = len(starts)
        journey = random.integers(0, JOURNEYS, count)
        speed = 0.6 + random.shares(count)
        first, length = self._journeys.first[journey], self._journeys.length[journey]
        session = np.repeat(np.arange(count), length)
        step = np.arange(len(session)) - np.repeat(np.cumsum(length) - length, length) + first[session]
        at = starts[session] + (self._journeys.offset_ms[step] * speed[session]).astype(np.int64)
        ends = starts + (self._journeys.offset_ms[first + length - 1] * speed).astype(np.int64)
        late = random.shares(count) < self._plan.late
        delay = np.where(late, random.integers(pace.HOUR_MS, LATE_MS_MAX, count), 0)
        visitor = self._visitors_of(starts, ends, late)
        traffic = np.searchsorted(_TRAFFIC, random.shares(count))
        traffic = np.where(pace.in_sale(starts) & (random.shares(count) < 0.5), FLASH_SALE, traffic)
        sessions = Sessions(
            number=np.arange(self._sessions, self._sessions + count),
            visitor=visitor,
            device=np.searchsorted(_DEVICES, shares(visitor, self._who_key)),
            country=np.searchsorted(_COUNTRIES, shares(visitor, ~self._who_key)),
            traffic=traffic,
            products=self._interests(count),
            delay_ms=delay,
        )
        self._sessions += count
        return _Pending(at, step, session, sessions)

    def _visitors_of(self, starts: Times, ends: Times, late: npt.NDArray[np.bool_]) -> Times:
        """Who comes: somebody new, or one of the loyal who is not in the shop right now.

        A late visit is always somebody new: its delay is theirs.
        """
        count = len(starts)
        picked = (len(self._free_at) * self._random.shares(count) ** 1.5).astype(np.int64)
        tried = np.flatnonzero((self._random.shares(count) < RETURNING) & ~late)
        _, once = np.unique(picked[tried], return_index=True)
        back = tried[once]
        back = back[self._free_at[picked[back]] < starts[back]]
        self._free_at[picked[back]] = ends[back] + walks.GAP_MS_MIN
        new = np.ones(count, dtype=np.bool_)
        new[back] = False
        visitor = picked
        visitor[new] = np.arange(self._visitors, self._visitors + int(new.sum()))
        self._visitors += int(new.sum())
        return visitor

    def _interests(self, count: int) -> Column:
        """The products of each visit: the first from its main category, most others too."""
        random = self._random
        category = np.repeat(random.integers(0, len(CATEGORIES), count, 1), SLOTS, axis=1)
        other = random.shares(count, SLOTS) < 0.25
        other[:, 0] = False
        category[other] = random.integers(0, len(CATEGORIES), int(other.sum()))
        return np.asarray(category * PRODUCTS_PER_CATEGORY + np.searchsorted(self._popularity, random.shares(count, SLOTS)))

    def _joined(self, ahead: _Pending, begun: _Pending) -> _Pending:
        return _Pending(
            np.concatenate((ahead.at, begun.at)),
            np.concatenate((ahead.step, begun.step)),
            np.concatenate((ahead.session, begun.session + len(ahead.sessions))),
            ahead.sessions.followed_by(begun.sessions),
        )

    def _block(self, first: int, at: Times, step: Indices, session: Indices, sessions: Sessions) -> Block:
        """The events of these steps, with all that the vocabulary says about them."""
        walk = self._journeys
        kind, about = walk.kind[step], walk.about[step]
        timestamp = at - sessions.delay_ms[session]
        choice = walk.choice[step] + sessions.number[session] * 7919
        bought = np.flatnonzero(kind == KIND["purchase"])
        orders = self._orders(step[bought], session[bought], choice[bought], sessions, walk)
        detail = self._details(kind, about, choice, session, sessions)
        detail[bought] = np.arange(len(bought))
        return Block(
            first=first,
            event_id=timed_uuids(timestamp, np.arange(first, first + len(at)), self._event_key),
            at=at,
            timestamp=timestamp,
            kind=kind,
            detail=detail,
            quantity=walk.quantity[step],
            duration_us=np.where(kind == KIND["api_call"], self._durations[choice % DURATIONS], -1),
            session=session,
            known=walk.known[step],
            sessions=sessions,
            orders=orders,
        )

    def _details(self, kind: Column, about: Column, choice: Column, session: Indices, sessions: Sessions) -> Indices:
        """The row of the vocabulary of each event: a page, a product, a search, or any of its kind."""
        vocabulary = self._vocabulary
        category = sessions.products[session, 0] // PRODUCTS_PER_CATEGORY
        detail = np.where(about > 0, about, choice % np.maximum(vocabulary.count[kind], 1))
        page = np.flatnonzero(kind == KIND["page_view"])
        detail[page] = about[page] * len(CATEGORIES) + category[page]
        product = np.flatnonzero((kind == KIND["product_view"]) | (kind == KIND["add_to_cart"]) | (kind == KIND["remove_from_cart"]))
        detail[product] = sessions.products[session[product], about[product]]
        search = np.flatnonzero(kind == KIND["search"])
        found = category[search] * SEARCHES_PER_CATEGORY + choice[search] % SEARCHES_PER_CATEGORY
        nothing = len(CATEGORIES) * SEARCHES_PER_CATEGORY + choice[search] // 8 % len(FRUITLESS)
        detail[search] = np.where(choice[search] % 8 == 0, nothing, found)
        detail += vocabulary.app[kind] * _IN_APP[sessions.device][session]
        return np.asarray(detail + vocabulary.first[kind])

    def _orders(self, step: Indices, session: Indices, choice: Column, sessions: Sessions, walk: Journeys) -> Orders:
        """What was bought, to the cent: one in ten orders has a coupon, small ones pay shipping, some countries add tax."""
        quantity = walk.line_quantity[step]
        product = np.take_along_axis(sessions.products[session], walk.line_slot[step], axis=1)
        goods = (self._prices[product] * quantity).sum(axis=1)
        discount = np.where((choice % 10 == 0) | (sessions.traffic[session] == FLASH_SALE), goods // 10, 0)
        shipping = np.where(goods < _FREE_SHIPPING_CENTS, _SHIPPING_CENTS, 0)
        tax = ((goods - discount) * _TAX_PERCENT[sessions.country[session]] + 50) // 100
        return Orders(product, quantity, discount, shipping, tax, goods - discount + shipping + tax, choice // 10 % _PAYMENTS)


def _left(ahead: _Pending, left: npt.NDArray[np.bool_]) -> _Pending:
    """What is still ahead, with only the visits that it belongs to."""
    session = ahead.session[left]
    used = np.unique(session)
    return _Pending(ahead.at[left], ahead.step[left], np.searchsorted(used, session), ahead.sessions.take(used))
