"""What the shop mix makes: people, visits, orders, and the rhythm of the day."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest

from ecompulse.simulate.options import Options, plan
from ecompulse.simulate.pace import DAY_MS, HOUR_MS
from ecompulse.simulate.service import blocks

from .reckoning import sound
from .running import START, events, lines

EVENTS = 60_000


@pytest.fixture(scope="module")
def made() -> list[dict[str, Any]]:
    return events(events=EVENTS, seed=21)


def test_every_event_keeps_the_contract() -> None:
    taken, rejected, repeated = sound(lines(events=20_000, seed=22))
    assert (len(taken), rejected, repeated) == (20_000, 0, 0)
    assert len({event["event_type"] for event in taken}) == 11


def test_ids_are_uuids_of_version_7_that_carry_the_time(made: list[dict[str, Any]]) -> None:
    ids = [uuid.UUID(event["event_id"]) for event in made]
    assert len(set(ids)) == EVENTS
    assert {(one.version, one.variant) for one in ids} == {(7, uuid.RFC_4122)}
    assert [one.int >> 80 for one in ids] == sorted(one.int >> 80 for one in ids)


def test_events_come_in_the_order_of_time_and_those_of_one_visitor_are_apart(made: list[dict[str, Any]]) -> None:
    assert [event["timestamp"] for event in made] == sorted(event["timestamp"] for event in made)
    per_device: dict[str, list[str]] = defaultdict(list)
    for event in made:
        per_device[event["anonymous_id"]].append(event["timestamp"])
    assert all(len(set(times)) == len(times) for times in per_device.values())


def test_a_device_belongs_to_one_person_and_a_session_to_one_device(made: list[dict[str, Any]]) -> None:
    people, devices = defaultdict(set), defaultdict(set)
    for event in made:
        devices[event["session_id"]].add(event["anonymous_id"])
        if "user_id" in event:
            people[event["anonymous_id"]].add(event["user_id"])
    assert max(map(len, people.values())) == max(map(len, devices.values())) == 1
    assert len({next(iter(users)) for users in people.values()}) == len(people) > 100


def test_a_shopper_is_known_from_the_login_on_and_not_before(made: list[dict[str, Any]]) -> None:
    known: set[str] = set()
    for event in made:
        if event["event_type"] == "user_login":
            known.add(event["session_id"])
        assert ("user_id" in event) == (event["session_id"] in known)


def test_nobody_is_in_the_shop_twice_at_once() -> None:
    visits: dict[int, list[int]] = defaultdict(list)
    for block in islice(blocks(plan(Options(rate=20, start=START), {})), 200):
        visitors, sessions = block.sessions.visitor[block.session], block.sessions.number[block.session]
        for visitor, session in zip(visitors.tolist(), sessions.tolist(), strict=True):
            visits[visitor].append(session)
    assert max(len(set(sessions)) for sessions in visits.values()) > 1
    for sessions in visits.values():
        assert sum(before != after for before, after in pairwise(sessions)) == len(set(sessions)) - 1


def test_some_shoppers_return(made: list[dict[str, Any]]) -> None:
    visits = {event["session_id"]: event["anonymous_id"] for event in made}
    again = [device for device, count in Counter(visits.values()).items() if count > 1]
    assert 0.05 < len(again) / len(set(visits.values())) < 0.5


def test_orders_add_up_to_the_cent_and_hold_what_was_put_into_the_cart(made: list[dict[str, Any]]) -> None:
    carts: dict[str, Counter[str]] = defaultdict(Counter)
    orders = 0
    for event in made:
        told = event["properties"]
        if event["event_type"] == "add_to_cart":
            carts[event["session_id"]][told["product_id"]] += told["quantity"]
        elif event["event_type"] == "remove_from_cart":
            carts[event["session_id"]][told["product_id"]] -= told["quantity"]
        elif event["event_type"] == "purchase":
            orders += 1
            bought: Counter[str] = Counter()
            for line in told["items"]:
                bought[line["product_id"]] += line["quantity"]
            assert bought == +carts[event["session_id"]]
            amount = sum(Decimal(str(line["price"])) * line["quantity"] for line in told["items"])
            parts = {name: Decimal(str(told[name])) for name in ("discount", "shipping", "tax", "total")}
            assert amount - parts["discount"] + parts["shipping"] + parts["tax"] == parts["total"]
    assert orders > 100


def test_the_day_has_its_rhythm() -> None:
    agreed, per_hour = plan(Options(seed=2, rate="max", start=START), {}), np.zeros(24, dtype=np.int64)
    for block in blocks(agreed):
        per_hour += np.bincount(block.at // HOUR_MS % 24, minlength=24)
        if block.at[-1] - agreed.start_ms > DAY_MS:
            break
    assert per_hour[20] > 4 * per_hour[3]


def test_late_events_are_hours_older_than_their_neighbours_and_as_many_as_asked_for() -> None:
    times = [event["timestamp"] for event in events(events=EVENTS, seed=8, late="5%")]
    latest, late = "", 0
    for time in times:
        late += time < latest
        latest = max(latest, time)
    assert late / EVENTS == pytest.approx(0.05, abs=0.01)


def test_some_searches_find_nothing_and_calls_tell_their_duration(made: list[dict[str, Any]]) -> None:
    found = [event["properties"]["results_count"] for event in made if event["event_type"] == "search"]
    assert 0.05 < found.count(0) / len(found) < 0.2
    calls = [event["properties"] for event in made if event["event_type"] == "api_call"]
    assert all(call["duration_ms"] > 0 for call in calls)
    assert {200, 500} <= {call["status_code"] for call in calls}


def test_a_demonstration_is_the_same_shop_whenever_it_is_started() -> None:
    """Else whoever starts it again would find the last minutes twice."""
    noon = datetime(2026, 3, 12, 12, tzinfo=UTC)
    found = []
    for started in (noon + timedelta(minutes=41), noon + timedelta(minutes=103)):
        agreed = plan(Options(demo=True), {}, started)
        first, last = (int((noon + timedelta(minutes=minutes)).timestamp() * 1000) for minutes in (63, 65))
        assert agreed.from_ms <= first
        told = []
        for block in blocks(agreed):
            if int(block.at[0]) >= last:
                break
            within = (block.at >= first) & (block.at < last)
            told += list(
                zip(block.event_id[within].tolist(), block.kind[within], block.sessions.visitor[block.session[within]], strict=True)
            )
        found.append(told)
    assert len(found[0]) > 100
    assert found[0] == found[1]
