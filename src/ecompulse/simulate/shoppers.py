"""Who comes to the shop: devices, countries with their documentation addresses, and where visits come from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SDK_VERSION = "1.0.0"
SITE = "https://shop.example"


class Device(NamedTuple):
    """A kind of browser or app; `weight` is its share of visits in percent."""

    weight: float
    source: str
    platform: str
    user_agent: str


DEVICES: tuple[Device, ...] = (
    Device(
        24, "web", "web", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
    ),
    Device(
        9,
        "web",
        "web",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    ),
    Device(6, "web", "web", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    Device(
        5,
        "web",
        "web",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Edg/138.0.0.0",
    ),
    Device(3, "web", "web", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"),
    Device(
        16,
        "web",
        "web",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari/604.1",
    ),
    Device(
        14, "web", "web", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36"
    ),
    Device(
        3,
        "web",
        "web",
        "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari/604.1",
    ),
    Device(11, "mobile", "android", "EcompulseShop/4.2.1 (Android 15; Pixel 8)"),
    Device(9, "mobile", "ios", "EcompulseShop/4.2.0 (iOS 18.5; iPhone15,3)"),
)


class Country(NamedTuple):
    """A country and its share of visits in percent; `tax_percent` is added to the prices where they do not hold it already.

    Addresses come from the ranges for documentation (RFC 5737, RFC 3849), so that no real address is ever sent. Each country has its
    /48, and the three most frequent share their visits with a /24: truncated to those, an address still tells the country.
    """

    weight: float
    code: str
    ipv4: str | None
    ipv6: str
    tax_percent: int


COUNTRIES: tuple[Country, ...] = (
    Country(38, "DE", "192.0.2.", "2001:db8:de::", 0),
    Country(16, "FR", "198.51.100.", "2001:db8:f4::", 0),
    Country(11, "GB", "203.0.113.", "2001:db8:9b::", 0),
    Country(9, "NL", None, "2001:db8:71::", 0),
    Country(8, "AT", None, "2001:db8:a7::", 0),
    Country(7, "ES", None, "2001:db8:e5::", 0),
    Country(6, "US", None, "2001:db8:5::", 8),
    Country(5, "PL", None, "2001:db8:b1::", 0),
)


class Traffic(NamedTuple):
    """Where a visit comes from, its share in percent, and what its address carries."""

    weight: float
    referrer: str | None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None


TRAFFIC: tuple[Traffic, ...] = (
    Traffic(27, None),
    Traffic(26, "https://www.google.com/"),
    Traffic(5, "https://www.bing.com/"),
    Traffic(3, "https://duckduckgo.com/"),
    Traffic(9, "https://www.google.com/", "google", "cpc", "brand"),
    Traffic(6, "https://www.google.com/", "google", "cpc", "shopping"),
    Traffic(8, None, "newsletter", "email", "weekly-picks"),
    Traffic(5, "https://www.instagram.com/", "instagram", "social", "spring-lookbook"),
    Traffic(3, "https://www.facebook.com/", "facebook", "paid-social", "retargeting"),
    Traffic(3, "https://www.reddit.com/"),
    Traffic(3, "https://www.youtube.com/", "youtube", "video", "unboxing"),
    Traffic(2, "https://blog.example/best-gifts", "partner", "affiliate", "best-gifts"),
    Traffic(0, None, "newsletter", "email", "flash-sale"),  # only while the sale is on
)
FLASH_SALE = len(TRAFFIC) - 1


def cumulative(weights: list[float]) -> npt.NDArray[np.float64]:
    """Shares summed up, so that a number from 0 up to 1 finds its row with `searchsorted`."""
    return np.asarray(np.cumsum(np.array(weights) / sum(weights)), dtype=np.float64)
