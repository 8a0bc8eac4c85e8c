"""Keys: who may ask what where the port is open, and that a key of one site sees that site only."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.analyze.stocked import DAY, Stocked, event, purchase
from tests.serve.conftest import Served

from ecompulse.guard.keys import Keys, create

SITED = (
    "/api/analytics/timeline?from=2026-03-10&to=2026-03-11&grain=day",
    "/api/analytics/revenue?from=2026-03-10&to=2026-03-11",
    "/api/analytics/top-products?from=2026-03-10&to=2026-03-11",
    "/api/analytics/pages?from=2026-03-10&to=2026-03-11",
    "/api/events",
    "/api/ledger",
    "/api/dead-letters",
    "/api/dead-letters/reasons",
    "/api/dead-letters/download",
    "/api/recommendations/u",
)


class Open:
    """An API with keys, and one key of each kind."""

    def __init__(self, folder: Path) -> None:
        self.mine, self.write, self.admin = (create(folder, "mine", role)[0] for role in ("read", "write", "admin"))
        self.stocked = Stocked(folder)
        self.stocked.add([event("page_view", DAY, "u", site=site, page_path=f"/{site}") for site in ("mine", "theirs")])
        self.stocked.add([purchase(DAY, "u", (f"P-{site}", 1, "1"), site=site) for site in ("mine", "theirs")])
        self.served = Served(self.stocked, Keys(folder))

    def ask(self, path: str, key: str | None) -> Any:
        return self.served.call("GET", path, **({"x_api_key": key} if key else {}))

    def sql(self, sql: str, key: str, **values: object) -> Any:
        return self.served.call("POST", "/api/query", {"sql": sql, "parameters": values}, x_api_key=key)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    made = Open(tmp_path_factory.mktemp("store"))
    yield made
    made.served.close()
    made.stocked.store.close()


@pytest.mark.parametrize("path", ["/", "/api/ledger", "/api/live", "/metrics", "/openapi.json", "/assets/app.css", "/nothing"])
def test_without_a_key_nothing_is_told(opened: Open, path: str) -> None:
    for key in (None, "ec_read_guessed"):
        answer = opened.ask(path, key)
        assert (answer.status, answer.headers["content-type"]) == (401, "application/problem+json")
        assert answer.headers["www-authenticate"].startswith("Basic"), "a browser asks its user for the key"
    assert opened.ask("/healthz", None).status == opened.ask("/readyz", None).status == 200


def test_a_key_is_taken_as_browsers_and_programs_send_it(opened: Open) -> None:
    basic = base64.b64encode(f"{opened.mine}:".encode()).decode()
    for headers in ({"authorization": f"Basic {basic}"}, {"authorization": f"Bearer {opened.mine}"}, {"x_api_key": opened.mine}):
        assert opened.served.call("GET", "/api/ledger", **headers).status == 200


def test_a_key_may_only_what_its_role_says(opened: Open) -> None:
    assert opened.ask("/api/ledger", opened.write).status == 403
    replay = {"ids": ["0-0"]}
    assert opened.served.call("POST", "/api/dead-letters/replay", replay, x_api_key=opened.mine).status == 403
    assert opened.served.call("POST", "/api/dead-letters/replay", replay, x_api_key=opened.admin).status == 404


@pytest.mark.parametrize("path", SITED)
def test_a_key_of_a_site_is_told_nothing_of_another(opened: Open, path: str) -> None:
    answer = opened.ask(path, opened.mine)
    assert answer.status == 200
    assert b"theirs" not in answer.body
    if "timeline" in path:
        assert answer.json()["rows"][0][1] == 2
    joined = "&" if "?" in path else "?"
    if path != "/api/ledger":
        assert opened.ask(f"{path}{joined}site=theirs", opened.mine).status == 403
        assert opened.ask(f"{path}{joined}site=mine", opened.mine).status == 200


@pytest.mark.parametrize("path", ["/api/analytics/pages?from=2026-03-10&to=2026-03-11", "/api/events", "/api/ledger"])
def test_an_admin_key_sees_every_site(opened: Open, path: str) -> None:
    body = opened.ask(path, opened.admin).body
    assert b"mine" in body
    assert b"theirs" in body


@pytest.mark.parametrize(
    "sql",
    [
        "select site from events",
        "with e as (select * from events) select site from e",
        "with events as (select * from events) select site from events",
        "select site from order_items union select site from minute_totals union select site from sessions",
        "select site from session_parts union select site from ledger",
        "select l.site from events e, (select site from ledger) l",
        "select (select string_agg(site, ',') from events) as site",
    ],
)
def test_sql_with_a_key_of_a_site_sees_that_site_only(opened: Open, sql: str) -> None:
    answer = opened.sql(sql, opened.mine)
    assert answer.status == 200
    told = json.dumps(answer.json()["rows"])
    assert "mine" in told
    assert "theirs" not in told
    assert "theirs" in json.dumps(opened.sql(sql, opened.admin).json()["rows"])


def test_the_site_of_a_key_cannot_be_set_by_the_asker(opened: Open) -> None:
    assert opened.sql("select site from events where site = $ecompulse_site", opened.mine, ecompulse_site="theirs").status == 400
    assert opened.sql("select 1 from events) union all (select 2", opened.mine).status == 400
    assert opened.sql("select site from main.events", opened.mine).status == 400
