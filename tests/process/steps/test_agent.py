"""What user agents say, and which of them are robots."""

from __future__ import annotations

import re

import pytest
from crawlerdetect import CrawlerDetect, providers

from ecompulse.process.steps.agent import read_agents
from ecompulse.process.steps.bots import are_crawlers, mark_bots

from .rows import after, batch_of

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5"


@pytest.mark.parametrize(
    ("user_agent", "browser", "os", "device_type"),
    [
        (WINDOWS, "Chrome", "Windows", "desktop"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) {APPLE} Safari/605.1.15", "Safari", "Mac OS X", "desktop"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/126.0.0.0 Safari/537.36", "Chrome", "Chrome OS", "desktop"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {APPLE} Mobile/15E148 Safari/604.1", "Mobile Safari", "iOS", "mobile"),
        (f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36", "Chrome Mobile", "Android", "mobile"),
        (f"Mozilla/5.0 (Linux; Android 14; SM-X910) {WEBKIT} Chrome/126.0.0.0 Safari/537.36", "Chrome", "Android", "tablet"),
        (f"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) {APPLE} Mobile/15E148 Safari/604.1", "Mobile Safari", "iOS", "tablet"),
        ("Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 (KHTML, like Gecko) TV Safari/538.1", "Safari", "Tizen", "other"),
        ("EcompulseShop/4.2.1 (Android 15; Pixel 8)", None, "Android", "mobile"),
        ("EcompulseShop/4.2.0 (iOS 18.5; iPad14,1)", None, "iOS", "tablet"),
        ("Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ3A)", None, "Android", "mobile"),
        ("something nobody knows", None, None, "other"),
        ("", None, None, None),
        (None, None, None, None),
    ],
)
def test_browser_system_and_kind_of_device_are_read(
    user_agent: str | None, browser: str | None, os: str | None, device_type: str | None
) -> None:
    [row] = after(read_agents, {"user_agent": user_agent})
    assert (row["browser"], row["os"], row["device_type"]) == (browser, os, device_type)


def test_events_of_robots_are_kept_and_marked() -> None:
    rows = after(
        lambda batch, context: mark_bots(read_agents(batch, context), context), {"user_agent": GOOGLEBOT}, {"user_agent": WINDOWS}, {}
    )
    assert [(row["is_bot"], row["device_type"]) for row in rows] == [(True, "bot"), (False, "desktop"), (False, None)]


@pytest.mark.parametrize(("source", "bot"), [("web", True), (None, True), ("server", False), ("mobile", False)])
def test_the_library_an_app_or_a_server_sends_with_is_no_robot(source: str | None, bot: bool) -> None:
    assert after(mark_bots, {"user_agent": "okhttp/4.12.0", "source": source})[0]["is_bot"] is bot


def test_a_robot_that_an_app_backend_reports_is_one() -> None:
    assert after(mark_bots, {"user_agent": GOOGLEBOT, "source": "server"})[0]["is_bot"] is True


def test_the_quick_search_finds_what_crawlerdetect_finds() -> None:
    names = [re.sub(r"[\\^$?*+()\[\]|]", "", pattern).strip() for pattern in providers.crawlers.data]
    agents = [agent for name in names for agent in (name, f"Mozilla/5.0 (compatible; {name}/1.0)", f"{WINDOWS} {name}")] + [
        WINDOWS,
        "",
        " ",
    ]
    slow = CrawlerDetect()
    assert are_crawlers(agents) == [slow.is_crawler(agent) for agent in agents]


def test_a_flood_of_names_does_not_grow_the_memory_without_end() -> None:
    from ecompulse.process.steps import bots

    for start in range(0, 40_000, 5_000):
        mark_bots(batch_of(*({"user_agent": f"agent {number}", "source": "web"} for number in range(start, start + 5_000))), None)  # type: ignore[arg-type]  # no step's context is read
        assert len(bots._verdicts) <= bots.CACHED_AGENTS + 5_000
