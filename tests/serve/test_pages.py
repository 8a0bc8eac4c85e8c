"""The pages and what they load."""

from __future__ import annotations

import re

import pytest
from tests.serve.conftest import Served

from ecompulse.serve.pages import FOREVER, ROUTES, read_site

ASSET = re.compile(r"""/assets/[\w./-]+\?v=[0-9a-f]{12}""")
OUTSIDE = re.compile(rb"""(?:src|href|url\()\s*=?\s*["']?(https?://[^"')\s>]+)""")


@pytest.mark.parametrize("path", ROUTES)
def test_a_page_needs_nothing_from_elsewhere_and_finds_all_that_it_names(served: Served, path: str) -> None:
    page = served.call("GET", path, accept="text/html")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "<title>" in page.body.decode()
    assert not [url for url in OUTSIDE.findall(page.body) if b"127.0.0.1" not in url and b"localhost" not in url]
    named = ASSET.findall(page.body.decode())
    assert named
    for address in named:
        asset = served.get(address)
        assert (asset.status, asset.headers["cache-control"]) == (200, FOREVER), address


def test_scripts_import_by_hashed_addresses_that_are_there() -> None:
    site = read_site()
    for name, asset in site.assets.items():
        if name.endswith(".js") and not name.startswith("vendor/"):
            for path, version in re.findall(r"""(?:from|import)\s*\(?\s*["']\./([\w./-]+)(\?v=\w+)?["']""", asset.content.decode()):
                assert path in site.assets, f"{name} imports {path}"
                assert version == f"?v={site.version}", f"{name} imports {path} under another address"


def test_pages_may_run_only_our_own_scripts(served: Served) -> None:
    headers = served.get("/").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_what_a_browser_has_is_not_sent_again(served: Served) -> None:
    page = served.get("/")
    assert page.headers["cache-control"] == "no-cache"
    again = served.call("GET", "/", if_none_match=page.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert served.call("GET", "/", if_none_match='W/"other"').status == 200


@pytest.mark.parametrize("path", ["/assets/nothing.js", "/assets/../app.py", "/assets/%2e%2e/app.py", "/assets//etc/passwd", "/assets/"])
def test_only_what_was_read_at_the_start_is_sent(served: Served, path: str) -> None:
    assert served.get(path).status == 404
