"""The pages beside the overview: inspector, dead letters, query, health and reference, each doing its work in a browser."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect
from tests.serve.browser.shoppers import visit

Open = Callable[..., Page]


def test_the_inspector_shows_an_event_in_full_and_all_of_its_visitor(shop: Any, open_page: Open) -> None:
    page = open_page(f"{shop.api}/events?event_type=purchase")
    page.locator("#list tbody .pick").last.click()
    expect(page.locator("#detail pre")).to_contain_text('"event_type": "purchase"')
    page.get_by_role("link", name="All of this visitor").click()
    expect(page.locator("#list tbody tr")).to_have_count(4)


def test_the_inspector_follows_new_events(shop: Any, open_page: Open) -> None:
    page = open_page(f"{shop.api}/events?q=Mug 9")
    expect(page.locator("#list")).to_contain_text("No event matches")
    shop.send(visit(2, product=9, minutes_ago=0))
    expect(page.locator("#list tbody tr")).to_have_count(1)


def test_an_event_that_is_still_on_its_way_is_shown_once_it_is_there(shop: Any, open_page: Open) -> None:
    event_id = str(uuid.uuid4())
    page = open_page(f"{shop.api}/events?event={event_id}")
    expect(page.locator("#detail")).to_contain_text("Looking for this event")
    expect(page.locator("#list tbody tr")).not_to_have_count(0)
    shop.send({**visit(3, product=8, minutes_ago=0)[0], "event_id": event_id})
    expect(page.locator("#detail pre")).to_contain_text(event_id)


def test_a_chosen_event_comes_into_view_on_a_phone(shop: Any, open_page: Open) -> None:
    shop.send([event for _ in range(40) for event in visit(1, product=7)])
    page = open_page(f"{shop.api}/events", width=390, height=844)
    page.locator("#list tbody .pick").nth(8).click()
    expect(page.locator("#detail h2")).to_be_in_viewport()
    event_id = json.loads(page.locator("#detail pre").inner_text())["event_id"]
    page.goto(f"{shop.api}/events?event={event_id}")
    expect(page.locator("#detail h2")).to_be_in_viewport()


def test_an_id_that_no_event_has_is_said(shop: Any, open_page: Open) -> None:
    page = open_page(f"{shop.api}/events?event={uuid.uuid4()}")
    expect(page.locator("#detail")).to_contain_text("No event has this id.", timeout=40_000)  # the page looks for fifteen seconds
    page.get_by_role("button", name="Look again").click()
    expect(page.locator("#detail")).to_contain_text("Looking for this event")


def test_a_dead_letter_is_seen_mended_and_sent_again(shop: Any, open_page: Open) -> None:
    shop.send({"event_type": "product_view", "user_id": "mended", "properties": {"product_name": "Lost"}})
    page = open_page(f"{shop.api}/dead-letters")
    page.get_by_role("button", name=re.compile("show only these")).first.click()
    expect(page).to_have_url(re.compile("field=properties.product_id"))
    expect(page.locator("#detail pre")).to_contain_text("Lost")
    page.locator("#list input[type=checkbox]").first.check()
    page.get_by_label("Set").fill("properties.product_id")
    page.get_by_label("to", exact=True).fill("P-77")
    page.get_by_role("button", name="Send 1 again").click()
    expect(page.locator("#result")).to_contain_text("1 sent again.")
    expect(page.locator("#list")).not_to_contain_text("Lost")
    page.goto(f"{shop.api}/events?visitor=mended")
    expect(page.locator("#list tbody tr")).to_have_count(1)


def test_the_ledger_shows_both_sides_by_whatever_is_chosen_and_marks_where_they_differ(shop: Any, open_page: Open) -> None:
    page = open_page(f"{shop.api}/ledger")
    expect(page.locator("#balance")).to_contain_text("Both sides agree")
    expect(page.locator("#groups tbody tr").filter(has_text="purchase")).to_contain_text("agree")
    page.get_by_role("button", name="Dialect").click()
    expect(page).to_have_url(re.compile("by=dialect"))
    expect(page.locator("#groups tbody tr")).to_contain_text(["canonical"])
    expect(page.locator("#positions tbody tr").first).to_contain_text("0")
    told = page.evaluate("fetch('/api/ledger').then((answer) => answer.json())")
    told["balanced"], told["by_type"][0]["stored"], told["by_type"][0]["balanced"] = False, told["by_type"][0]["stored"] - 2, False
    page.route("**/api/ledger", lambda route: route.fulfill(json=told))
    page.goto(f"{shop.api}/ledger?by=type")
    expect(page.locator("#balance")).to_contain_text("The sides differ")
    expect(page.locator("#groups tbody tr").first).to_contain_text("2 missing")


def test_sql_runs_is_kept_in_the_history_and_drawn_over_time(shop: Any, open_page: Open) -> None:
    page = open_page(f"{shop.api}/query")
    page.locator("#sql").fill("select date_trunc('minute', timestamp) as minute, count(*) as events from events group by 1 order by 1")
    page.locator("#sql").press("Control+Enter")
    expect(page.locator("#said")).to_contain_text("rows in")
    expect(page.locator("#past li").first).to_contain_text("date_trunc")
    page.get_by_role("button", name="Chart").click()
    expect(page.locator("#result canvas")).to_be_visible()


def test_wrong_sql_is_explained(shop: Any, open_page: Open) -> None:
    page = open_page(f"{shop.api}/query")
    page.locator("#sql").fill("selec 1")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#result .is-error")).to_contain_text("selec")


def test_health_shows_the_rooms_with_figures_and_the_processes(shop: Any, open_page: Open) -> None:
    page = open_page(f"{shop.api}/health")
    expect(page.locator("#way li h3")).to_have_text(["collect", "log", "process", "store", "serve"])
    expect(page.locator("#way .rate").first).not_to_have_text("–")
    expect(page.locator("#roles")).to_contain_text("process")
    expect(page.locator("#balance")).to_contain_text("Balances")


def test_the_reference_lists_requests_and_tries_one(shop: Any, open_page: Open) -> None:
    page = open_page(f"{shop.api}/docs")
    page.get_by_role("link", name="GET /api/ledger").click()
    page.get_by_role("button", name="Try GET /api/ledger").click()
    expect(page.locator("#get-api-ledger pre")).to_contain_text('"received"')
