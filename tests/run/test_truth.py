"""Comparing a store with the truth: relations of a few known events, made by hand in DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import pytest

from ecompulse.run.truth import Difference, UnreadableTruth, compare

TRUTH: dict[str, Any] = {
    "version": 1,
    "site": "default",
    "seed": 1,
    "sent": 10,
    "events": 8,
    "duplicates": 1,
    "malformed": 1,
    "by_type": {"page_view": 3, "product_view": 2, "add_to_cart": 1, "purchase": 1, "user_login": 1},
    "orders": 1,
    "revenue": {"EUR": "19.90"},
    "funnel": {"page_view": 3, "product_view": 1, "add_to_cart": 1, "purchase": 1},
    "sessions": 3,
    "visitors": 3,
    "from": "2026-01-01T10:00:00.000Z",
    "to": "2026-01-01T10:09:00.000Z",
}

# minute, event type, user, anonymous, session, order, total; ann logs in; bea sees a product before her first page; cid is only looking
ROWS = (
    (0, "page_view", None, "a", "s1", None, None),
    (1, "product_view", None, "a", "s1", None, None),
    (2, "user_login", "ann", "a", "s1", None, None),
    (3, "add_to_cart", "ann", "a", "s1", None, None),
    (4, "purchase", "ann", "a", "s1", "O-1", 19.90),
    (5, "product_view", None, "b", "s2", None, None),
    (6, "page_view", None, "b", "s2", None, None),
    (9, "page_view", "cid", None, "s3", None, None),
)


class Store:
    """The relations of a store."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("set timezone = 'America/New_York'")  # a store's session may have any
        self.connection.execute(
            "create table events (site text, event_type text, user_id text, anonymous_id text, session_id text, order_id text,"
            " total decimal(18, 4), currency text, timestamp timestamptz, device_timestamp timestamptz)"
        )
        self.connection.execute("create table identities (site text, anonymous_id text, user_id text, since timestamptz)")
        self.connection.execute("create table ledger (site text, outcome text, count bigint)")
        for minute, event_type, user, anonymous, session, order, total in ROWS:
            when = f"2026-01-01T10:0{minute}:00Z"
            row = ["default", event_type, user, anonymous, session, order, total, "EUR" if order else None, when, when]
            self.connection.execute("insert into events values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self.connection.execute(
            "insert into identities values ('default', 'a', 'ann', '2026-01-01T10:02:00Z'), ('default', 'a', 'eve', '2026-01-01T10:08:00Z')"
        )
        self.connection.execute(
            "insert into ledger values ('default', 'stored', 8), ('default', 'duplicate', 1), ('default', 'dead_letter', 1)"
        )
        self.connection.execute("insert into ledger values ('other', 'stored', 99)")
        self.connection.execute("insert into events select * replace ('other' as site, 'zed' as user_id) from events")

    def ask(self, sql: str) -> Sequence[Sequence[Any]]:
        return self.connection.execute(sql).fetchall()

    def change(self, sql: str) -> None:
        self.connection.execute(sql)


@pytest.fixture
def store() -> Store:
    return Store()


def told(differences: list[Difference]) -> dict[str, tuple[str | None, str | None]]:
    return {d.figure: (d.expected, d.found) for d in differences}


def test_a_store_that_holds_the_truth_has_no_difference_and_other_sites_do_not_count(store: Store) -> None:
    assert compare(TRUTH, store.ask) == []


@pytest.mark.parametrize(
    ("change", "figures"),
    [
        ("delete from events where event_type = 'purchase'", {"events", "by_type.purchase", "orders", "revenue.EUR", "funnel.purchase"}),
        ("update events set total = total + 0.0001 where order_id = 'O-1'", {"revenue.EUR"}),
        ("update events set currency = 'USD' where order_id = 'O-1'", {"revenue.EUR", "revenue.USD"}),
        ("update events set session_id = 's1'", {"sessions"}),
        ("delete from identities", {"visitors", "funnel.add_to_cart", "funnel.purchase"}),
        (
            "update events set timestamp = '2026-01-01T09:00:00Z' where event_type = 'add_to_cart'",
            {"funnel.add_to_cart", "funnel.purchase"},
        ),
        ("update events set device_timestamp = '2026-01-01T10:09:00.001Z' where user_id = 'cid'", {"to"}),
        ("update ledger set count = 2 where outcome = 'duplicate'", {"sent", "duplicates"}),
        ("update ledger set outcome = 'stored' where outcome = 'dead_letter'", {"malformed"}),
        ("update events set event_type = 'search' where user_id = 'cid'", {"by_type.page_view", "by_type.search", "funnel.page_view"}),
        (
            "delete from events",
            {"events", "orders", "revenue.EUR", "sessions", "visitors", "from", "to"}
            | {f"by_type.{name}" for name in TRUTH["by_type"]}
            | {f"funnel.{name}" for name in TRUTH["funnel"]},
        ),
    ],
)
def test_each_figure_that_is_not_as_it_should_be_is_named(store: Store, change: str, figures: set[str]) -> None:
    store.change(change)
    assert set(told(compare(TRUTH, store.ask))) == figures


def test_a_difference_tells_both_values_and_reads_as_a_sentence(store: Store) -> None:
    (difference,) = compare({**TRUTH, "sessions": 4}, store.ask)
    assert difference == Difference("sessions", "4", "3")
    assert str(difference) == "sessions: expected 4, found 3"


def test_what_a_lost_answer_made_the_sender_deliver_again_may_be_more_but_no_more_than_that(store: Store) -> None:
    store.change("update ledger set count = 6 where outcome = 'duplicate'")
    assert compare({**TRUTH, "redelivered": 5}, store.ask) == []
    assert set(told(compare({**TRUTH, "redelivered": 4}, store.ask))) == {"sent", "duplicates"}


def test_the_name_of_a_site_is_only_a_text(store: Store) -> None:
    store.change("update events set site = 'o''neill {x}' where site = 'default'")
    store.change("update identities set site = 'o''neill {x}' where site = 'default'")
    store.change("update ledger set site = 'o''neill {x}' where site = 'default'")
    assert compare({**TRUTH, "site": "o'neill {x}"}, store.ask) == []


@pytest.mark.parametrize(
    "truth", [{}, {**TRUTH, "version": 2}, {**TRUTH, "orders": "many"}, {k: v for k, v in TRUTH.items() if k != "funnel"}]
)
def test_a_truth_that_cannot_be_read_is_refused_before_the_store_is_asked(truth: dict[str, Any]) -> None:
    def never(sql: str) -> Sequence[Sequence[Any]]:
        raise AssertionError(sql)

    with pytest.raises(UnreadableTruth, match="simulate again"):
        compare(truth, never)
