"""What each question counts, on events whose answer is known."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.analyze.stocked import DAY, Stocked, event, purchase

from ecompulse.analyze.ask import answer, ask
from ecompulse.analyze.literal import written_out
from ecompulse.analyze.parameters import Shop, bind
from ecompulse.analyze.question import question_named, questions
from ecompulse.analyze.settled import settled

RANGE = {"from": "2026-03-10", "to": "2026-03-11"}


def rows(stocked: Stocked, name: str, **asked: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(stocked, question_named(name), {**RANGE, **asked}, Shop()).table.to_pylist()
    return found


def at(minute: float) -> datetime:
    return DAY + timedelta(hours=10, minutes=minute)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stocked]:
    made = Stocked(tmp_path_factory.mktemp("store"))
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stocked]:
    """A day whose answers can be counted by hand; half of it is in the tail."""
    made = Stocked(tmp_path_factory.mktemp("store"))
    google = {"traffic_source": "google", "channel": "search", "campaign": "spring"}
    made.add([
        event("page_view", at(0), "a", page_path="/", **google),
        event("product_view", at(1), "a", product_id="P-1", product_name="Mug"),
        event("add_to_cart", at(2), "a", product_id="P-1"),
        purchase(at(3), "a", ("P-1", 2, "9.99"), ("P-2", 1, "0.01")),
        event("page_view", at(0), "b", page_path="/", country="FR"),
        event("page_view", at(4), "b", page_path="/about", country="FR"),
        event("search", at(5), "b", query=" Red Shoes ", results_count=0),
    ])  # fmt: skip
    made.flush()
    made.add([
        event("search", at(6), "c", query="red shoes", results_count=3),
        event("error", at(7), "c", message="card declined", error_type="PaymentError"),
        event("api_call", at(8), "c", endpoint="/x", duration_ms=10.0, status_code=200),
        event("api_call", at(9), "c", endpoint="/x", duration_ms=30.0, status_code=503),
        purchase(at(70), "c", ("P-1", 1, "5"), currency="USD", platform="ios"),
        event("page_view", at(0), "robot", page_path="/", source="synthetic"),
    ])  # fmt: skip
    yield made
    made.store.close()


KINDS = ("page_view", "product_view", "add_to_cart", "purchase", "search")


@pytest.fixture(scope="module")
def crowd() -> dict[str, list[tuple[int, str]]]:
    """Visitors with up to eight random steps within half an hour, some at the same time."""
    random = Random(5)
    return {f"v{n}": [(random.randrange(30), random.choice(KINDS)) for _ in range(random.randrange(1, 9))] for n in range(300)}


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory, crowd: dict[str, list[tuple[int, str]]]) -> Iterator[Stocked]:
    """A store with the crowd's events; half of the visitors are known by a login only, the rest of their events by their device."""
    made, random = Stocked(tmp_path_factory.mktemp("store")), Random(6)
    rows_of = []
    for name, taken in crowd.items():
        device = name.replace("v", "d")
        rows_of.append(event("user_login", at(40), name, anonymous_id=device))
        for minute, kind in taken:
            who = {"user": name} if random.random() < 0.5 else {"user": None, "anonymous_id": device}
            rows_of.append(event(kind, at(minute), **who) if kind != "purchase" else purchase(at(minute), **who))
    random.shuffle(rows_of)
    made.add(rows_of[: len(rows_of) // 2])
    made.flush()
    made.add(rows_of[len(rows_of) // 2 :])
    yield made
    made.store.close()


@pytest.mark.parametrize("name", questions())
def test_every_question_has_the_columns_that_it_declares_also_without_an_event(empty: Stocked, name: str) -> None:
    question = question_named(name)
    found = ask(empty, question, {}, Shop())
    assert tuple(found.table.column_names) == tuple(column.name for column in question.columns)


@pytest.mark.parametrize("name", questions())
@pytest.mark.parametrize("filters", [{}, {"traffic_source": "google"}, {"product": "P-1", "page": "/"}, {"platform": "it's"}])
def test_the_sql_that_people_see_gives_the_answer_that_they_saw(day: Stocked, name: str, filters: dict[str, str]) -> None:
    question = question_named(name)
    values = bind(question.parameters, question.bound, {**RANGE, **filters}, Shop(), DAY)
    shown = answer(day, written_out(settled(question.sql, values), values), {}).table
    assert shown.to_pylist() == ask(day, question, {**RANGE, **filters}, Shop()).table.to_pylist()


def test_filters_that_nobody_gave_are_not_in_the_sql_that_people_see() -> None:
    question = question_named("searches")
    values = bind(question.parameters, question.bound, {"country": "DE"}, Shop(), DAY)
    shown = written_out(settled(question.sql, values), values)
    assert "e.country = 'DE'" in shown
    assert "e.platform" not in shown
    assert "null is null" not in shown


def test_revenue_is_exact_and_never_adds_two_currencies(day: Stocked) -> None:
    found = [row for row in rows(day, "revenue", grain="hour") if row["orders"]]
    assert [(row["time"], row["orders"], row["revenue"], row["currency"]) for row in found] == [
        (DAY + timedelta(hours=10), 1, Decimal("19.9900"), "EUR"), (DAY + timedelta(hours=11), 1, Decimal("5.0000"), "USD")
    ]  # fmt: skip


def test_buckets_without_an_order_are_there_with_zero(day: Stocked) -> None:
    found = rows(day, "revenue", grain="hour")
    assert len(found) == 24 * 2, "each hour in each of the two currencies"
    assert sum(row["orders"] for row in found) == 2


def test_revenue_from_the_sums_and_from_the_events_is_the_same(day: Stocked) -> None:
    whole = rows(day, "revenue", grain="day")
    through_events = rows(day, "revenue", grain="day", event_type="purchase")
    assert whole == through_events
    assert {row["revenue"] for row in whole} == {Decimal("19.9900"), Decimal("5.0000")}


def test_a_day_begins_at_midnight_of_the_asked_zone(stocked: Stocked) -> None:
    stocked.add(
        [
            purchase(datetime(2026, 3, 10, 23, 30, tzinfo=UTC), "a", ("P", 1, "1")),
            purchase(datetime(2026, 3, 11, 12, tzinfo=UTC), "b", ("P", 1, "2")),
        ]
    )
    found = rows(stocked, "revenue", to="2026-03-12", grain="day", tz="Europe/Berlin")
    assert [(row["time"].astimezone(UTC).isoformat(), str(row["revenue"])) for row in found] == [
        ("2026-03-09T23:00:00+00:00", "0.0000"), ("2026-03-10T23:00:00+00:00", "3.0000")
    ]  # fmt: skip


def test_the_funnel_counts_visitors_that_took_the_steps_in_order(stocked: Stocked) -> None:
    stocked.add([
        event("page_view", at(0), "buyer"), event("product_view", at(1), "buyer"), event("add_to_cart", at(2), "buyer"),
        event("purchase", at(3), "buyer"), event("add_to_cart", at(0), "backwards"), event("product_view", at(1), "backwards"),
        event("page_view", at(2), "backwards"),
        event("page_view", at(0), "at once"), event("product_view", at(0), "at once"), event("add_to_cart", at(0), "at once"),
        event("page_view", at(0), "early cart"), event("add_to_cart", at(1), "early cart"), event("product_view", at(2), "early cart"),
        event("product_view", at(0), "no page"), event("purchase", at(0), "no page"),
    ])  # fmt: skip
    found = rows(stocked, "funnel")
    assert [(row["step"], row["visitors"], row["conversion_rate"]) for row in found] == [
        ("page_view", 4, 1.0), ("product_view", 3, 0.75), ("add_to_cart", 2, 0.5), ("purchase", 1, 0.25)
    ]  # fmt: skip


def test_a_funnels_window_runs_from_the_first_step_of_any_try(stocked: Stocked) -> None:
    stocked.add([
        event("page_view", at(0), "second try"), event("page_view", at(100), "second try"), event("purchase", at(110), "second try"),
        event("page_view", at(0), "too late"), event("purchase", at(31), "too late"),
        event("page_view", at(0), "just in time"), event("purchase", at(30), "just in time"),
    ])  # fmt: skip
    assert [row["visitors"] for row in rows(stocked, "funnel", steps="page_view,purchase", window="30m")] == [3, 2]
    assert [row["visitors"] for row in rows(stocked, "funnel", steps="page_view,purchase")] == [3, 3]


@pytest.mark.parametrize("window", [None, 3, 10])
@pytest.mark.parametrize("steps", [("page_view", "product_view", "add_to_cart", "purchase"), ("product_view", "page_view"), ("search",)])
def test_a_funnel_counts_what_trying_every_chain_counts(
    crowd: dict[str, list[tuple[int, str]]], crowded: Stocked, steps: tuple[str, ...], window: int | None
) -> None:
    def length(taken: list[tuple[int, str]]) -> int:
        starts = {0: {minute: minute for minute, kind in taken if kind == steps[0]}}  # of the first steps: the time each chain began
        for number, step in enumerate(steps[1:], 1):
            before = starts[number - 1]
            ends = {
                minute: max((since for end, since in before.items() if end <= minute), default=-1) for minute, kind in taken if kind == step
            }
            starts[number] = {m: since for m, since in ends.items() if since >= 0 and (window is None or m - since <= window)}
        return max((number + 1 for number, chains in starts.items() if chains), default=0)

    reached = [length(taken) for taken in crowd.values()]
    found = rows(crowded, "funnel", steps=",".join(steps), **({"window": f"{window}m"} if window else {}))
    assert [row["visitors"] for row in found] == [sum(got >= number for got in reached) for number in range(1, len(steps) + 1)]


def test_a_funnel_by_product_leads_from_any_page_to_that_product(stocked: Stocked) -> None:
    stocked.add([
        event("page_view", at(0), "a"), event("product_view", at(1), "a", product_id="P-1"),
        event("add_to_cart", at(2), "a", product_id="P-1"), purchase(at(3), "a", ("P-1", 1, "1")),
        event("page_view", at(0), "b"), event("product_view", at(1), "b", product_id="P-2"), purchase(at(3), "b", ("P-2", 1, "1")),
    ])  # fmt: skip
    assert [row["visitors"] for row in rows(stocked, "funnel", product="P-1")] == [2, 1, 1, 1]


def test_a_login_joins_what_was_done_before_it(stocked: Stocked) -> None:
    stocked.add([
        event("page_view", at(0), None, anonymous_id="device"), event("product_view", at(1), None, anonymous_id="device"),
        event("user_login", at(2), "alice", anonymous_id="device"), event("purchase", at(3), "alice"),
    ])  # fmt: skip
    stocked.flush()
    assert [row["visitors"] for row in rows(stocked, "funnel", steps="page_view,product_view,purchase")] == [1, 1, 1]
    assert sum(row["visitors"] for row in rows(stocked, "countries")) == 1


def test_top_products_tell_revenue_by_line_and_currency(day: Stocked) -> None:
    found = {(row["product_id"], row["currency"]): row for row in rows(day, "top-products")}
    mug = found["P-1", "EUR"]
    assert (mug["product_name"], mug["views"], mug["carts"], mug["orders"], mug["quantity"]) == ("Name of P-1", 1, 1, 1, 2)
    assert mug["revenue"] == Decimal("19.9800")
    assert found["P-2", "EUR"]["revenue"] == Decimal("0.0100")
    assert found["P-1", "USD"]["revenue"] == Decimal("5.0000")


def test_events_count_where_their_session_came_from_and_the_filter_agrees_with_the_row(day: Stocked) -> None:
    google = next(row for row in rows(day, "sources") if row["traffic_source"] == "google")
    assert (google["channel"], google["visitors"], google["orders"], google["revenue"]) == ("search", 1, 1, Decimal("19.9900"))
    assert google["conversion_rate"] == 1.0
    filtered = [row for row in rows(day, "revenue", grain="day", traffic_source="google") if row["orders"]]
    assert [(row["orders"], row["revenue"]) for row in filtered] == [(1, Decimal("19.9900"))]
    assert [(row["campaign"], row["orders"]) for row in rows(day, "campaigns")] == [("spring", 1)]


def test_pages_tell_views_visitors_and_entries(day: Stocked) -> None:
    assert rows(day, "pages") == [
        {"page_path": "/", "views": 2, "visitors": 2, "entries": 2}, {"page_path": "/about", "views": 1, "visitors": 1, "entries": 0}
    ]  # fmt: skip


@pytest.mark.parametrize("asked", [{}, {"from": "2026-03-10T10:00:00Z", "to": "2026-03-10T12:00:00Z"}])
def test_a_session_begins_on_its_first_view_also_where_that_has_no_page(stocked: Stocked, asked: dict[str, str]) -> None:
    first, second = sorted(uuid.uuid4().bytes for _ in range(2))
    stocked.add([
        event("page_view", at(1), "a"), event("page_view", at(2), "a", page_path="/"),
        event("page_view", at(3), "b", page_path="/late", event_id=second), event("page_view", at(3), "b", page_path="/", event_id=first),
        event("product_view", at(1), "c", page_path="/p"), event("page_view", at(2), "c", screen_name="cart"),
    ])  # fmt: skip
    entries = {row["page_path"]: (row["views"], row["entries"]) for row in rows(stocked, "pages", **asked)}
    assert entries == {"/": (2, 1), "/late": (1, 0), "cart": (1, 1)}


def test_the_page_filter_chooses_whole_sessions(day: Stocked) -> None:
    assert [row["page_path"] for row in rows(day, "pages", page="/about")] == ["/", "/about"]
    assert rows(day, "searches", page="/about")[0]["searches"] == 1


def test_searches_are_one_whatever_their_case(day: Stocked) -> None:
    assert rows(day, "searches") == [{"query": "red shoes", "searches": 2, "visitors": 2, "without_results": 1}]


@pytest.mark.parametrize("asked", [{}, {"from": "2026-03-10T10:00:00Z", "to": "2026-03-10T12:00:00Z"}, {"traffic_source": "google"}])
@pytest.mark.parametrize(("name", "kind"), [("searches", "search"), ("errors", "error"), ("pages", "page_view")])
def test_what_a_device_did_before_its_login_is_its_users(stocked: Stocked, name: str, kind: str, asked: dict[str, str]) -> None:
    said = {"query": "mug", "message": "no", "page_path": "/", "session_id": "s", "traffic_source": "google"}
    for user, device in ((None, "phone"), ("u", None), (None, "desk"), (None, "other")):
        stocked.add([event(kind, at(1), user, anonymous_id=device, **said)])
    stocked.flush()
    stocked.add([event("login", at(5), "u", anonymous_id="phone", session_id="s")])
    stocked.flush()
    stocked.add([event("login", at(6), "u", anonymous_id="desk", session_id="s"), event(kind, at(7), "w", anonymous_id="phone", **said)])
    (row,) = rows(stocked, name, **asked)
    assert row["visitors"] == 3, "u of two devices and none, w, and the other device"


def test_errors_tell_when_they_were_seen_last(day: Stocked) -> None:
    (error,) = rows(day, "errors")
    assert (error["message"], error["error_type"], error["errors"], error["visitors"], error["last_seen"]) == (
        "card declined",
        "PaymentError",
        1,
        1,
        at(7),
    )


def test_latency_tells_percentiles_and_the_share_of_failed_calls(day: Stocked) -> None:
    (bucket,) = [row for row in rows(day, "latency", grain="hour") if row["requests"]]
    assert (bucket["requests"], bucket["p50"], bucket["error_rate"]) == (2, 20.0, 0.5)
    assert all(row["p50"] is None and row["error_rate"] is None for row in rows(day, "latency", grain="hour") if not row["requests"])


def test_sessions_tell_how_long_and_how_deep(day: Stocked) -> None:
    (bucket,) = [row for row in rows(day, "sessions", grain="hour") if row["sessions"]]
    assert (bucket["sessions"], bucket["visitors"]) == (3, 3)
    assert bucket["average_duration_seconds"] == pytest.approx((180 + 300 + 64 * 60) / 3)
    assert bucket["bounce_rate"] == 0.0
    assert bucket["pages_per_session"] == pytest.approx(1.0)


def test_the_timeline_tells_the_five_figures(day: Stocked) -> None:
    (bucket,) = rows(day, "timeline", grain="day")
    assert (bucket["events"], bucket["visitors"], bucket["sessions"], bucket["orders"]) == (12, 3, 3, 2)
    assert bucket["revenue"] == Decimal("19.9900"), "only what could be converted to the reporting currency"
    assert bucket["conversion_rate"] == pytest.approx(2 / 3)


def test_synthetic_traffic_counts_only_when_it_is_asked_for(day: Stocked) -> None:
    def counted(**asked: str) -> int:
        return int(rows(day, "timeline", grain="day", **asked)[0]["events"])

    assert (counted(), counted(traffic="synthetic"), counted(traffic="mixed"), counted(source="synthetic")) == (12, 1, 13, 1)


def test_a_filter_is_a_value_and_never_a_part_of_the_statement(day: Stocked) -> None:
    assert rows(day, "searches", country="DE' or '1'='1") == []


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/Santiago"])
@pytest.mark.parametrize("grain", ["hour", "day", "week", "month"])
def test_no_event_falls_between_two_buckets(tmp_path: Path, zone: str, grain: str) -> None:
    stocked = Stocked(tmp_path)
    hours = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=47 * n) for n in range(1_000)]
    stocked.add(purchase(hour, "a", ("P", 1, "1")) for hour in hours)
    found = rows(stocked, "revenue", **{"from": "2026-03-01T00:00:00Z", "to": "2026-04-10T00:00:00Z", "grain": grain, "tz": zone})
    stocked.store.close()
    assert sum(row["orders"] for row in found) == 1_000
    assert sum(row["revenue"] for row in found) == Decimal(1_000)


def test_the_sessions_of_a_range_are_those_of_the_relation(stocked: Stocked) -> None:
    """The question merges parts near its range only; the relation merges all. Both must see the same sessions."""
    random = Random(7)
    for _ in range(6):
        stocked.add(
            event("page_view", DAY + timedelta(minutes=random.randrange(-600, 2_000)), user, session_id=session)
            for user in ("a", "b", "c") for session in (f"s-{user}-{random.randrange(9)}", None) for _ in range(8)
        )  # fmt: skip
        stocked.flush()
    asked = rows(stocked, "sessions", grain="hour")
    query = """
        select date_trunc('hour', started_at) as time, count(*) as sessions, count(distinct visitor) as visitors, avg(page_views) as depth
        from sessions where started_at >= $from and started_at < $to group by 1 order by 1"""
    values = {"from": DAY, "to": DAY + timedelta(days=1)}
    expected = answer(stocked, query, values).table.to_pylist()
    seen = [row for row in asked if row["sessions"]]
    assert len(expected) > 10
    assert [(row["time"], row["sessions"], row["visitors"]) for row in seen] == [
        (row["time"], row["sessions"], row["visitors"]) for row in expected
    ]
    assert [row["pages_per_session"] for row in seen] == pytest.approx([float(row["depth"]) for row in expected])


def test_breakdowns_add_up_to_the_revenue_of_the_same_range(day: Stocked) -> None:
    orders = sum(row["orders"] for row in rows(day, "revenue", grain="day"))
    for name in ("sources", "platforms", "countries"):
        assert sum(row["orders"] for row in rows(day, name)) == orders, name


def test_a_screen_of_an_app_is_a_page_in_the_list_and_in_the_filter(stocked: Stocked) -> None:
    stocked.add([event("page_view", at(0), "app", screen_name="Home"), event("page_view", at(0), "web", page_path="/")])
    assert {row["page_path"] for row in rows(stocked, "pages")} == {"Home", "/"}
    assert [row["page_path"] for row in rows(stocked, "pages", page="Home")] == ["Home"]
