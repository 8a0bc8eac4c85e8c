"""Where events come from, and what of it is kept."""

from __future__ import annotations

import pytest

from ecompulse.collect.answer import Request
from ecompulse.collect.origin import client_address

PAGE = {"event_type": "page_view", "user_id": "u", "source": "web", "properties": {"page_url": "https://s.example/"}}


def test_an_event_reaches_the_log_without_them(ask):
    ask.post(
        "/v1/events",
        {
            "event_type": "page_view",
            "user_id": "u",
            "properties": {"page_url": "https://s.example/?token=abc", "ip_address": "203.0.113.77"},
        },
    )
    (row,) = ask.log.rows
    assert (row["page_url"], row["ip_address"]) == ("https://s.example/?token=[masked]", "203.0.113.0")


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("8.8.8.8", "1.1.1.1", "8.8.8.8"),
        ("127.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.7", "6.6.6.6, 1.1.1.1, 10.0.0.9", "1.1.1.1"),
        ("127.0.0.1", "nonsense", None),
        ("127.0.0.1", None, None),
        ("", None, None),
    ],
)
def test_only_our_own_proxies_are_believed(peer, forwarded, found):
    headers = {b"x-forwarded-for": forwarded.encode()} if forwarded else {}
    assert client_address(Request("POST", "/", "", headers, b"", peer, 0)) == found


def test_a_shoppers_device_is_known_by_its_connection(ask):
    ask("POST", "/v1/events", PAGE, "8.8.8.8", user_agent="Mozilla/5.0 (X11)")
    (row,) = ask.log.rows
    assert (row["ip_address"], row["user_agent"]) == ("8.8.8.0", "Mozilla/5.0 (X11)")


@pytest.mark.parametrize("event", [{**PAGE, "source": "server"}, {k: v for k, v in PAGE.items() if k != "source"}])
def test_a_servers_address_is_not_its_shoppers(ask, event):
    ask("POST", "/v1/events", event, "8.8.8.8", user_agent="Mozilla/5.0")
    (row,) = ask.log.rows
    assert (row["ip_address"], row["user_agent"]) == (None, None)


def test_what_the_event_says_itself_is_kept(ask):
    ask(
        "POST",
        "/v1/events",
        {**PAGE, "properties": {"page_url": "x", "ip_address": "1.1.1.9", "user_agent": "own"}},
        "8.8.8.8",
        user_agent="Mozilla/5.0",
    )
    (row,) = ask.log.rows
    assert (row["ip_address"], row["user_agent"]) == ("1.1.1.0", "own")


@pytest.mark.parametrize(("setting", "kept"), [("full", "203.0.113.77"), ("none", None), ("truncated", "203.0.113.0")])
def test_how_much_of_an_address_is_kept_is_a_setting(asking, setting, kept):
    ask = asking(ip_addresses=setting)
    ask.post("/v1/events", {**PAGE, "properties": {"page_url": "x", "ip_address": "203.0.113.77"}})
    assert ask.log.rows[0]["ip_address"] == kept
