"""What a user agent says: the browser, the operating system, the kind of device."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

import pyarrow as pa

from ecompulse.contract.columns import STORED
from ecompulse.process.step import Context
from ecompulse.process.steps.columns import code, merge, put, spread, take

CACHED_AGENTS: Final = 8_192
"""About 8 MB. A busy shop sees a few thousand user agents a day; reading one that is not cached takes about 25 µs."""
READ_CHARACTERS: Final = 512
"""Real user agents are shorter; what comes after says nothing and would be paid for in time."""

_FIELDS: Final = [STORED.field(name) for name in ("browser", "os", "device_type")]
_DESKTOPS: Final = frozenset((
    "Windows", "Mac OS X", "Linux", "Chrome OS", "Ubuntu", "Debian", "Fedora", "Red Hat", "SUSE", "Arch Linux", "Gentoo", "FreeBSD",
    "OpenBSD", "NetBSD", "Solaris",
))  # fmt: skip
_BROWSERS: Final = ("Mozilla/", "Opera/", "UCWEB/")
"""Every browser begins so; what does not is an app or a program, and has a system but no browser."""
_SCREENS: Final = re.compile(
    r"\b(?:TV|\w+TV|BRAVIA|AFT[A-Z]+|CrKey|Roku|Web0S|NetCast|VIDAA|Xbox|PlayStation|Nintendo)\b"  # televisions, consoles
)
_TABLETS: Final = re.compile(r"iPad|\b(?:Tablet|Kindle|Silk|PlayBook|KF[A-Z]{3,5})\b")
_PHONES: Final = re.compile(r"iPhone|iPod|Mobile|Mobi\b|Windows Phone|IEMobile|Opera Mini|BlackBerry|KAIOS")


class Agent(NamedTuple):
    """What is known of the sender's program and device; `device_type` is desktop, mobile, tablet, bot or other."""

    browser: str | None
    os: str | None
    device_type: str | None


@lru_cache(maxsize=CACHED_AGENTS)
def read_agent(user_agent: str | None) -> Agent:
    """Read a user agent; what it does not say is `None`."""
    if user_agent is None or not user_agent.strip():
        return Agent(None, None, None)
    import ua_parser  # with yaml, 0.05 s, which a start after a crash need not wait for

    text = user_agent[:READ_CHARACTERS]
    seen = ua_parser.parse(text)
    is_browser = text.startswith(_BROWSERS)
    browser = seen.user_agent.family if seen.user_agent and is_browser else None
    os = seen.os.family if seen.os else None
    if seen.device and seen.device.family == "Spider":
        return Agent(browser, os, "bot")
    return Agent(browser, os, _device_type(text, os, is_browser))


def _device_type(text: str, os: str | None, is_browser: bool) -> str:
    if _SCREENS.search(text):
        return "other"
    if _TABLETS.search(text) or (os == "Android" and is_browser and "Mobile" not in text):
        return "tablet"  # Android's browsers say Mobile on all but tablets; its apps do not say it at all
    if _PHONES.search(text) or os in ("Android", "iOS"):
        return "mobile"
    return "desktop" if os in _DESKTOPS else "other"


def read_agents(batch: pa.RecordBatch, _context: Context) -> pa.RecordBatch:
    """Fill `browser`, `os` and `device_type` from `user_agent`."""
    return put(batch, _FIELDS, spread(merge(code(take(batch, "user_agent")), read_agent), [field.type for field in _FIELDS]))
