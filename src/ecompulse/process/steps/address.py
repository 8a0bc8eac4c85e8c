"""Reading the address of a page or a referrer, whatever text it turns out to be."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

CACHED_ADDRESSES: Final = 16_384
"""About 16 MB at a kilobyte each; a shop has fewer pages, and campaign links without end push out only each other."""

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:(?!\d+(?:[/?#]|$))")  # not host:port
_HOST: Final = re.compile(r"[^\s/?#@\\:]+(?:\.[^\s/?#@\\:]+)+(?::\d+)?(?:[/?#]|$)")
_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Address(NamedTuple):
    """The parts that steps use. `host` is lower-case, without port; a part that is not there is `None`."""

    host: str | None
    path: str | None
    query: str | None


@lru_cache(maxsize=CACHED_ADDRESSES)
def read_address(text: str, host_expected: bool = False) -> Address:
    """Split an address; never raises. `host_expected`: `google.com` without a scheme is a host, not a path."""
    text = text.strip()
    rest, _, _ = text.partition("#")
    rest, asked, query = rest.partition("?")
    host: str | None = None
    if rest.startswith("//"):
        host, rest = _authority(rest[2:])
    elif scheme := _SCHEME.match(rest):
        rest = rest[scheme.end() :]
        if not rest.startswith("//"):
            return Address(None, None, None)  # about:blank, data:, mailto:
        host, rest = _authority(rest[2:])
    elif not rest.startswith("/") and ((host_expected and _HOST.match(rest)) or re.match(r"[^/]+:\d+(?:/|$)", rest)):
        host, rest = _authority(rest)
    if not rest and host is None and not asked:
        return Address(None, None, None)
    return Address(host, shown_path(rest), query if asked else None)


def _authority(rest: str) -> tuple[str | None, str]:
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2].lower()
    if not host.startswith("["):  # not an IPv6 address
        host = host.partition(":")[0]
    return host.rstrip(".") or None, slash + path


def shown_path(path: str) -> str:
    """Return a path as a browser shows it: escapes read where that changes nothing, one leading slash, none at the end but the root's."""
    if "%" in path:
        path = _ESCAPES.sub(_unescape, path)
    return "/" + path.strip("/") if path.startswith("/") else "/" + path.rstrip("/")


def _unescape(match: re.Match[str]) -> str:
    """Read escapes of unreserved and printable non-ASCII characters; others would change what the path means (RFC 3986, 6.2.2.2)."""
    raw = bytes.fromhex(match[0].replace("%", ""))
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return match[0]
    return "".join(char if char in _UNRESERVED or (ord(char) > 0x7F and char.isprintable()) else _escape(char) for char in text)


def _escape(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())
