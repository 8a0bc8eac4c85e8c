"""Questions answered from the parts of sessions give what the events of the range give, whatever came when and in which flush."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.analyze.stocked import DAY, Stocked, event, purchase
from tests.store.merging import merge

from ecompulse.analyze.ask import answer
from ecompulse.analyze.parameters import Shop, bind
from ecompulse.analyze.question import question_named
from ecompulse.analyze.settled import settled
from ecompulse.analyze.statement import statement

QUESTIONS = ("timeline", "platforms", "countries", "campaigns", "sources", "sessions", "funnel")
FILTERS: tuple[dict[str, str], ...] = (
    {}, {"site": "shop"}, {"traffic": "mixed"}, {"source": "web"}, {"platform": "ios"}, {"country": "FR"}, {"campaign": "spring"},
    {"traffic_source": "google", "traffic": "mixed"}, {"channel": "social"}, {"steps": "add_to_cart,page_view"}, {"window": "40m"},
)  # fmt: skip
ORIGINS: tuple[dict[str, str | None], ...] = (
    {}, {}, {"traffic_source": "google", "channel": "search"}, {"traffic_source": "google", "channel": "search", "campaign": "spring"},
    {"traffic_source": "meta", "channel": "social", "campaign": "spring"}, {"campaign": "bare"}, {"channel": "email"},
)  # fmt: skip
KINDS = ("page_view", "page_view", "product_view", "add_to_cart", "purchase", "search")


def shop(random: Random, sessionless: bool) -> list[dict[str, Any]]:
    """Three days of some people, of whom some log in and some have two devices; many events at the same second, some far apart."""
    made = []
    for person in range(14):
        site = random.choice(("default", "default", "shop"))
        for _ in range(random.randrange(1, 5)):
            start = DAY + timedelta(minutes=random.randrange(-1440, 2880))
            session = None if sessionless and random.random() < 0.3 else f"s-{random.randrange(40)}"
            usual = {"site": site, "platform": random.choice(("web", "ios", None)), "country": random.choice(("DE", "FR", None))}
            for _ in range(random.randrange(1, 9)):
                when = start + timedelta(seconds=random.choice((0, 1, 60, 600, 1500, 4000)) * random.randrange(1, 4))
                device, user = random.choice((f"d-{person}", f"d-{person}", f"d2-{person}", None)), f"u-{person % 9}"
                who = user if device is None or random.random() < 0.3 else None
                columns = {**usual, "session_id": session, "anonymous_id": device, **random.choice(ORIGINS)}
                columns["source"] = random.choice(("web",) * 6 + ("mobile", "synthetic"))
                if random.random() < 0.1:
                    columns["country"] = "IT"
                kind = random.choice(KINDS)
                if kind == "purchase":
                    lines = ("P", 1, f"{random.randrange(9999)}.{random.randrange(99):02}")
                    made.append(purchase(when, who, lines, currency=random.choice(("EUR", "EUR", "USD")), **columns))  # type: ignore[arg-type]  # nobody known
                else:
                    made.append(event(kind, when, who, page_path=random.choice(("/", "/a", None)), **columns))
    random.shuffle(made)  # late events
    return made


def stored(stocked: Stocked, rows: list[dict[str, Any]], flushes: int, random: Random) -> None:
    """Add the rows in so many flushes; what came after the last is in the tail."""
    edges = sorted(random.randrange(len(rows) + 1) for _ in range(flushes))
    for start, end in zip([0, *edges], [*edges, len(rows)], strict=True):
        if end > start:
            stocked.add(rows[start:end])
        if end < len(rows) or random.random() < 0.5:
            stocked.flush()


def bound(stocked: Stocked, name: str, asked: Mapping[str, str]) -> dict[str, Any]:
    """The values of a question's parameters, of which it takes those that it knows."""
    question = question_named(name)
    known = {key: value for key, value in asked.items() if key in {parameter.name for parameter in question.parameters}}
    values = bind(question.parameters, question.bound, known, Shop(), datetime.now(UTC))
    if "sessionless" in values:
        values |= answer(stocked, statement("range-facts"), values).table.to_pylist()[0]
    return values


def found(stocked: Stocked, name: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A question's answer."""
    return answer(stocked, settled(question_named(name).sql, values), values).table.to_pylist()


def both(stocked: Stocked, name: str, asked: Mapping[str, str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]], bool]:
    """A question's answer as it is asked, and with all of the range's events read; and whether these are two ways at all."""
    values = bound(stocked, name, asked)
    read = {**values, **{way: False for way in ("by_parts", "by_keys") if way in values}}
    return found(stocked, name, values), found(stocked, name, read), bool(values.get("by_parts") or values.get("by_keys"))


def ranged(start: int, length: int, zone: str) -> dict[str, str]:
    """Parameters for a range of so many minutes that begins so many after the start of the day."""
    since = DAY + timedelta(minutes=start)
    return {"from": since.isoformat(), "to": (since + timedelta(minutes=length)).isoformat(), "tz": zone}


def comparable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with numbers that do not depend on the order in which they were added up."""
    return [{key: round(value, 9) if isinstance(value, float) else value for key, value in row.items()} for row in rows]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10_000),
    sessionless=st.booleans(),
    flushes=st.integers(0, 5),
    start=st.integers(-1500, 1400),
    length=st.integers(361, 4_000),
    zone=st.sampled_from(("UTC", "Europe/Berlin", "Asia/Kolkata")),
    grain=st.sampled_from(("hour", "day", "month", None)),
)
@example(seed=1, sessionless=True, flushes=3, start=7, length=1_500, zone="Asia/Kolkata", grain="day")
@example(seed=2, sessionless=False, flushes=0, start=0, length=1_440, zone="UTC", grain="hour")
def test_parts_and_events_give_the_same_answers(
    *, seed: int, sessionless: bool, flushes: int, start: int, length: int, zone: str, grain: str | None
) -> None:
    random = Random(seed)
    when = {**ranged(start, length, zone), "grain": grain or ""}
    with TemporaryDirectory() as folder:
        stocked = Stocked(Path(folder))
        stored(stocked, shop(random, sessionless), flushes, random)
        for name in QUESTIONS:
            for filters in (FILTERS[0], *random.sample(FILTERS[1:], 1)):
                parts, events, two = both(stocked, name, {**when, **filters})
                assert comparable(parts) == comparable(events), (name, filters)
                assert two or filters or zone == "Asia/Kolkata", f"{name} has no other way to compare with"
        stocked.store.close()


TOLD = (
    "select * from sessions order by all",
    """select * exclude (events, quantity, amount, revenue), sum(events)::bigint as events, sum(quantity)::bigint as quantity,
        sum(amount) as amount, sum(revenue) as revenue from minute_totals group by all order by all""",
)
"""What is told of sums, whatever rows they stand in."""


def told(stocked: Stocked, names: Sequence[str], asked: Mapping[str, str]) -> list[list[dict[str, Any]]]:
    """What a store says of its sums."""
    answers = [comparable(found(stocked, name, bound(stocked, name, asked))) for name in names]
    with stocked.snapshot(10) as snapshot:
        return [*answers, *(snapshot.query(sql).to_pylist() for sql in TOLD)]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10_000),
    sessionless=st.booleans(),
    flushes=st.integers(1, 6),
    start=st.integers(-1500, 1400),
    length=st.integers(30, 4_000),
    zone=st.sampled_from(("UTC", "Asia/Kolkata")),
    filters=st.sampled_from(FILTERS),
)
@example(seed=1, sessionless=True, flushes=5, start=-1_440, length=4_320, zone="UTC", filters={})
def test_merging_changes_no_answer_whatever_is_flushed_before_between_and_after(
    *, seed: int, sessionless: bool, flushes: int, start: int, length: int, zone: str, filters: dict[str, str]
) -> None:
    random = Random(seed)
    asked = {**ranged(start, length, zone), **filters}
    rows = shop(random, sessionless)
    names = random.sample((*QUESTIONS, "revenue"), 3)
    edges = sorted(random.randrange(len(rows)) for _ in range(2))
    with TemporaryDirectory() as folder:
        stocked = Stocked(Path(folder))
        for begin, end in zip([0, *edges], [*edges, len(rows)], strict=True):
            if begin < end:
                stored(stocked, rows[begin:end], flushes, random)
            before = told(stocked, names, asked)
            merge(stocked.store, DAY + timedelta(days=9))
            assert told(stocked, names, asked) == before, (names, asked)
        stocked.store.close()


def test_where_a_session_came_from_is_the_same_before_and_after_merging_also_at_the_edge_of_a_range(tmp_path: Path) -> None:
    """Its first event with an origin is of the hour in which the range ends, or a day before it begins, beyond the edge."""
    stocked = Stocked(tmp_path)
    origin: dict[str, Any] = {"traffic_source": "google", "channel": "search"}
    since, until = DAY + timedelta(minutes=30), DAY + timedelta(hours=9, minutes=30)
    for when, known in ((until - timedelta(minutes=9), {}), (until + timedelta(minutes=9), origin)):
        stocked.add([event("page_view", when, "late", **known)])
        stocked.flush()
    for when, known in ((since - timedelta(days=1, minutes=9), origin), (since - timedelta(hours=23.9), {}), (since, {})):
        stocked.add([event("page_view", when, "early", **known)])
        stocked.flush()
    asked = [
        (("campaigns", "sources", "sessions"), {"from": since.isoformat(), "to": until.isoformat()}),
        (("timeline", "platforms"), {"from": since.isoformat(), "to": until.isoformat(), "traffic_source": "google"}),
        (
            ("timeline", "platforms"),
            {"from": (until - timedelta(hours=2)).isoformat(), "to": until.isoformat(), "traffic_source": "google"},
        ),
    ]
    before = [told(stocked, *one) for one in asked]
    assert merge(stocked.store, DAY + timedelta(days=9))["session_parts"].before == 4
    assert [told(stocked, *one) for one in asked] == before
    stocked.store.close()
