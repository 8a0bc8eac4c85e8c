"""Where visitors came from."""

from __future__ import annotations

from typing import Any

import pytest

from ecompulse.process.steps.attribution import attribute
from ecompulse.process.steps.channels import _CHANNEL_OF_MEDIUM, _SOURCES, CHANNELS, CLICK_IDS

from .rows import after

HOME = "https://shop.example/"


def arrival(**row: Any) -> tuple[str | None, ...]:
    [found] = after(attribute, row)
    return found["traffic_source"], found["traffic_medium"], found["channel"], found["campaign"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"page_url": HOME + "?utm_source=News&utm_medium=Email&utm_campaign=Spring%20Sale"}, ("news", "email", "email", "Spring Sale")),
        ({"page_url": HOME + "?utm_source=google&utm_medium=cpc"}, ("google", "cpc", "paid", None)),
        ({"page_url": HOME + "?utm_source=facebook"}, ("facebook", None, "social", None)),
        ({"page_url": HOME + "?utm_source=flyer&utm_medium=print"}, ("flyer", "print", "other", None)),
        ({"page_url": HOME + "?utm_source=acme&gclid=x"}, ("acme", "cpc", "paid", None)),
        ({"page_url": HOME + "?utm_campaign=only"}, (None, None, "other", "only")),
        (
            {"utm_source": "tiktok", "utm_medium": "paid_social", "page_url": HOME + "?utm_source=other"},
            ("tiktok", "paid_social", "paid", None),
        ),
        ({"utm_source": "  ", "page_url": HOME + "?utm_source=x&utm_medium=affiliate"}, ("x", "affiliate", "affiliate", None)),
        ({"event_type": "purchase", "utm_source": "x", "utm_medium": "sms"}, ("x", "sms", "message", None)),
    ],
)
def test_what_the_link_says_wins(row: dict[str, Any], expected: tuple[str | None, ...]) -> None:
    assert arrival(referrer="https://www.google.com/", **row) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("gclid=abc", ("google", "cpc", "paid", None)),
        ("GCLID=abc", ("google", "cpc", "paid", None)),
        ("msclkid=abc", ("bing", "cpc", "paid", None)),
        ("fbclid=abc", ("facebook", "social", "social", None)),
        ("gclid=", ("news.example", "referral", "referral", None)),
    ],
)
def test_a_click_id_says_who_sent_the_visitor(query: str, expected: tuple[str | None, ...]) -> None:
    assert arrival(page_url=f"{HOME}?{query}", referrer="https://news.example/a") == expected


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        ("https://www.google.co.uk/", ("google", "organic", "search", None)),
        ("https://duckduckgo.com/", ("duckduckgo", "organic", "search", None)),
        ("https://google.example.com/", ("google.example.com", "referral", "referral", None)),
        ("https://notgoogle.com/", ("notgoogle.com", "referral", "referral", None)),
        ("https://mail.google.com/mail", ("gmail", "email", "email", None)),
        ("android-app://com.google.android.gm/", ("gmail", "email", "email", None)),
        ("https://l.facebook.com/", ("facebook", "social", "social", None)),
        ("https://t.co/abc", ("twitter", "social", "social", None)),
        ("https://chatgpt.com/", ("chatgpt", "referral", "assistant", None)),
        ("https://blog.example/post", ("blog.example", "referral", "referral", None)),
        ("https://www.shop.example/cart", (None, None, "internal", None)),
        ("https://checkout.shop.example/", (None, None, "internal", None)),
        ("https://www.paypal.com/checkout", (None, None, "internal", None)),
        ("", ("direct", "none", "direct", None)),
        (None, ("direct", "none", "direct", None)),
    ],
)
def test_the_referrer_is_looked_up_when_the_link_says_nothing(referrer: str | None, expected: tuple[str | None, ...]) -> None:
    assert arrival(page_url=HOME, referrer=referrer) == expected


def test_an_event_that_says_nothing_of_its_arrival_gets_none() -> None:
    assert arrival(event_type="add_to_cart", page_url=HOME) == (None,) * 4
    assert arrival(screen_name="Home") == (None,) * 4
    assert arrival(event_type="api_call") == (None,) * 4


def test_the_referrers_host_is_kept_whoever_wins() -> None:
    rows = after(
        attribute, {"page_url": HOME + "?utm_source=x", "referrer": "https://WWW.News.example/a"}, {"page_url": HOME, "referrer": HOME}, {}
    )
    assert [row["referrer_host"] for row in rows] == ["news.example", "shop.example", None]


def test_a_shop_of_another_site_of_the_same_provider_is_not_internal() -> None:
    assert arrival(page_url="https://b.myshops.example/", referrer="https://a.myshops.example/")[2] == "referral"


def test_every_channel_of_the_tables_is_declared() -> None:
    used = {place.channel for place in (*CLICK_IDS.values(), *_SOURCES.values())} | set(_CHANNEL_OF_MEDIUM.values())
    assert used <= set(CHANNELS)
