"""Page paths from whatever stands in `page_url`."""

from __future__ import annotations

import pytest

from ecompulse.process.steps.address import Address, read_address
from ecompulse.process.steps.page import name_page

from .rows import after


@pytest.mark.parametrize(
    ("page_url", "path"),
    [
        ("https://Shop.Example/Shoes/?q=1#top", "/Shoes"),
        ("https://shop.example", "/"),
        ("https://shop.example/", "/"),
        ("https://shop.example?utm_source=x", "/"),
        ("https://shop.example/a//b///", "/a//b"),
        ("https://shop.example/caf%C3%A9/%41", "/café/A"),
        ("https://shop.example/a%2Fb%3Fc%20d", "/a%2Fb%3Fc%20d"),
        ("https://shop.example/%E2%80%AEgnp", "/%E2%80%AEgnp"),
        ("https://shop.example/%FF%zz%", "/%FF%zz%"),
        ("http://user:pass@shop.example:8443/cart", "/cart"),
        ("http://[2001:db8::1]:80/cart", "/cart"),
        ("//shop.example/cart", "/cart"),
        ("/cart?x=1", "/cart"),
        ("cart", "/cart"),
        ("?x=1", "/"),
        ("localhost:3000/cart", "/cart"),
        ("about:blank", None),
        ("data:text/html,hi", None),
        ("", None),
        ("   ", None),
    ],
)
def test_the_path_of_a_page_is_what_a_browser_shows_without_query_fragment_and_last_slash(page_url: str, path: str | None) -> None:
    assert after(name_page, {"page_url": page_url})[0]["page_path"] == path


def test_an_app_has_the_name_of_its_screen_and_a_page_its_path_even_beside_one() -> None:
    rows = after(name_page, {"screen_name": "Cart"}, {"screen_name": "Cart", "page_url": "https://shop.example/cart"}, {})
    assert [row["page_path"] for row in rows] == ["Cart", "/cart", None]


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://WWW.Shop.Example.:443/", "www.shop.example"),
        ("google.com", "google.com"),
        ("google.com/search?q=1", "google.com"),
        ("android-app://com.google.android.gm/", "com.google.android.gm"),
        ("(direct)", None),
        ("http://", None),
        ("http://[::1", "[::1"),
    ],
)
def test_a_referrer_without_a_scheme_is_still_a_host(text: str, host: str | None) -> None:
    assert read_address(text, host_expected=True).host == host


def test_an_address_is_split_into_host_path_and_query() -> None:
    assert read_address("https://shop.example/a?b=1&c#d") == Address("shop.example", "/a", "b=1&c")
