"""Values of settings: what a person writes is read, and said back the same way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.run import values


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("10", 10), ("10s", 10), ("500ms", 0.5), ("5 min", 300), ("5m", 300), ("12h", 43_200), ("7d", 604_800), ("1.5h", 5400)],
)
def test_a_span_of_time_has_a_unit(written: str, seconds: float) -> None:
    assert values.duration(0, 1e9)(written) == seconds


@pytest.mark.parametrize(
    ("written", "amount"), [("10", 10), ("10MB", 10_000_000), ("1 KiB", 1024), ("1.5 GB", 1_500_000_000), ("2tb", 2 * 10**12)]
)
def test_a_size_has_a_unit(written: str, amount: int) -> None:
    assert values.size(0, 10**15)(written) == amount


@pytest.mark.parametrize(
    ("written", "host", "port", "loopback"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080, True),
        ("localhost:1", "localhost", 1, True),
        ("[::1]:80", "::1", 80, True),
        ("0.0.0.0:80", "0.0.0.0", 80, False),
    ],
)
def test_an_address_is_host_and_port(written: str, host: str, port: int, loopback: bool) -> None:
    read = values.address(written)
    assert (read.host, read.port, read.loopback, str(read)) == (host, port, loopback, written)


@pytest.mark.parametrize("written", ["", "8080", ":8080", "host:", "host:0", "host:65536", "::1:80", "a b:80"])
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        values.address(written)


def test_a_browser_reaches_a_wildcard_address_on_loopback() -> None:
    assert values.address("0.0.0.0:8080").url == "http://127.0.0.1:8080"
    assert values.address("[::]:8080").url == "http://[::1]:8080"


def test_urls_with_commas_inside_stay_whole() -> None:
    assert values.urls("kafka://a:1,b:2/topic, csv:///d") == ("kafka://a:1,b:2/topic", "csv:///d")


@given(st.integers(1, 10**7))
def test_a_span_that_is_said_is_read_back(seconds: int) -> None:
    assert values.duration(0, 1e9)(values.say_seconds(seconds)) == pytest.approx(seconds)
