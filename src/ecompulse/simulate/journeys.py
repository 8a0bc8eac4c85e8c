"""What shoppers do: journeys through the shop, written once from the seed and walked by every visit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ecompulse.simulate.block import KIND

JOURNEYS = 1000
SLOTS = 6
"""How many different products a visit looks at, at most."""
LINES = 4
"""How many of them are bought together, at most."""
GAP_MS_MIN = 700
"""Nobody clicks faster; it also keeps the events of one visitor apart in time at any rate."""
JOURNEY_MS_MAX = 25 * 60_000
"""Shorter than the 30 minutes of silence after which most tools start a new session."""

INTENTS = ("bounce", "browse", "search", "buy", "deal", "service")
WEIGHTS = (24, 34, 18, 13, 7, 4)

# where a page view leads; rows of vocabulary.PAGES
HOME, CATEGORY, RESULTS, CART, CHECKOUT, THANKS, ACCOUNT, LANDING, HELP = range(9)


class Step(NamedTuple):
    """One event of a journey: what it is about (a page, or a slot of the visit's products), and the time since the one before."""

    kind: str
    about: int = 0
    quantity: int = 0
    gap_ms: int = 0
    lines: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Journeys:
    """All journeys one after the other, as columns; journey i is the rows from `first[i]` on, `length[i]` of them.

    `offset_ms` is the time since the journey began, `choice` a fixed draw of 0 … 2**16 for whatever the vocabulary offers.
    """

    first: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    kind: npt.NDArray[np.uint8]
    about: npt.NDArray[np.int8]
    quantity: npt.NDArray[np.uint8]
    offset_ms: npt.NDArray[np.int32]
    known: npt.NDArray[np.bool_]
    choice: npt.NDArray[np.int32]
    line_slot: npt.NDArray[np.int8]
    line_quantity: npt.NDArray[np.int8]

    @property
    def mean_length(self) -> float:
        """Events a visit, on average."""
        return float(self.length.mean())


def write(seed: int) -> Journeys:
    """The journeys of a seed."""
    random = Random(f"journeys {seed}")  # noqa: S311  must be the same again, not secret
    walks = [_timed(list(_walk(random, random.choices(INTENTS, WEIGHTS)[0]))) for _ in range(JOURNEYS)]
    rows = [row for walk in walks for row in walk]
    length = np.array([len(walk) for walk in walks], dtype=np.int64)
    slots, quantities = (np.zeros((len(rows), LINES), dtype=np.int8) for _ in range(2))
    for row, (step, _, _) in enumerate(rows):
        for line, (slot, quantity) in enumerate(step.lines):
            slots[row, line], quantities[row, line] = slot, quantity
    return Journeys(
        first=np.cumsum(length) - length,
        length=length,
        kind=_column([KIND[step.kind] for step, _, _ in rows], np.uint8),
        about=_column([step.about for step, _, _ in rows], np.int8),
        quantity=_column([step.quantity for step, _, _ in rows], np.uint8),
        offset_ms=_column([offset for _, offset, _ in rows], np.int32),
        known=_column([known for _, _, known in rows], np.bool_),
        choice=_column([random.randrange(1 << 16) for _ in rows], np.int32),
        line_slot=slots,
        line_quantity=quantities,
    )


def _column(values: list[Any], kind: Any) -> npt.NDArray[Any]:
    return np.array(values, dtype=kind)


def _timed(steps: list[Step]) -> list[tuple[Step, int, bool]]:
    """Steps with their times and whether the shopper is logged in by then, cut where a journey gets too long."""
    at, known, timed = 0, False, []
    for number, step in enumerate(steps):
        at += 0 if number == 0 else GAP_MS_MIN + step.gap_ms
        if at > JOURNEY_MS_MAX:
            break
        known = known or step.kind == "user_login"
        timed.append((step, at, known))
    return timed


def _pause(random: Random, seconds: float) -> int:
    """Most looks are short, some long."""
    return int(min(random.lognormvariate(0, 0.8) * seconds, 300) * 1000)


def _page(random: Random, page: int, seconds: float = 8) -> Iterator[Step]:
    yield Step("page_view", page, gap_ms=_pause(random, seconds))
    chance = random.random()
    if chance < 0.16:
        yield Step("api_call", gap_ms=random.randrange(80, 400))
    elif chance < 0.175:
        yield Step("error", gap_ms=random.randrange(100, 900))


def _walk(random: Random, intent: str) -> Iterator[Step]:
    """The steps of one visit with an intent; its cart is what it added and did not take out again."""
    yield from _page(random, LANDING if intent == "deal" or random.random() < 0.2 else HOME, 0)
    if random.random() < 0.18:
        yield Step("user_login", gap_ms=_pause(random, 6))
    if intent == "bounce":
        if random.random() < 0.3:
            yield from _page(random, CATEGORY)
        return
    if intent == "service":
        yield from _page(random, ACCOUNT)
        yield from _page(random, HELP, 20)
        yield Step("button_click", gap_ms=_pause(random, 10))
        return
    slots = list(range(random.randint(1, SLOTS)))
    cart: dict[int, int] = {}
    wish = {"browse": 0.05, "search": 0.09, "buy": 0.36, "deal": 0.16}[intent]
    for slot in slots:
        yield from _find(random, intent)
        yield Step("product_view", slot, gap_ms=_pause(random, 9))
        if random.random() < 0.2:
            yield Step("button_click", gap_ms=_pause(random, 7))
        if random.random() < 0.03:
            yield Step("custom", gap_ms=_pause(random, 5))
        if random.random() < wish and len(cart) < LINES:
            cart[slot] = random.choices((1, 2, 3), (80, 15, 5))[0]
            yield Step("add_to_cart", slot, cart[slot], gap_ms=_pause(random, 12))
            yield Step("api_call", gap_ms=random.randrange(60, 300))
    if cart:
        yield from _check_out(random, intent, cart)


def _find(random: Random, intent: str) -> Iterator[Step]:
    """The way to the next product."""
    chance = random.random()
    if (intent == "search" and chance < 0.75) or chance < 0.1:
        yield Step("search", gap_ms=_pause(random, 7))
        yield from _page(random, RESULTS, 1.5)
    elif chance < 0.75:
        yield from _page(random, CATEGORY)


def _check_out(random: Random, intent: str, cart: dict[int, int]) -> Iterator[Step]:
    """From the cart to the order, for those who go all the way."""
    yield from _page(random, CART)
    if len(cart) > 1 and random.random() < 0.25:
        slot = random.choice(list(cart))
        yield Step("remove_from_cart", slot, cart.pop(slot), gap_ms=_pause(random, 6))
    if random.random() > {"browse": 0.2, "search": 0.3, "buy": 0.55, "deal": 0.35}[intent]:
        return
    yield from _page(random, CHECKOUT)
    if random.random() < 0.45:
        yield Step("user_login", gap_ms=_pause(random, 9))
    yield Step("button_click", 1, gap_ms=_pause(random, 20))
    if random.random() < 0.12:
        yield Step("error", 1, gap_ms=random.randrange(300, 2500))
        return
    yield Step("purchase", gap_ms=_pause(random, 25), lines=tuple(cart.items()))
    yield from _page(random, THANKS, 1)
