"""Readers of setting values: text in, a checked value out, or a ValueError that says what is wanted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

LOOPBACK = ("127.0.0.1", "::1", "localhost")

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "tb": 1000**4, "kib": 1024, "mib": 1024**2, "gib": 1024**3, "tib": 1024**4}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)")


class Address(NamedTuple):
    """Where a port is bound."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only programs on this machine can reach it."""
        return self.host in LOOPBACK

    @property
    def url(self) -> str:
        """How a browser on this machine reaches it; a wildcard address is reached by the loopback one."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 — compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def text(value: str) -> str:
    """Any text."""
    return value


def folder(value: str) -> Path:
    """A folder, made absolute so that a later change of the working folder does not move it."""
    if not value:
        raise ValueError("wants a folder, such as ./ecompulse-data")
    return Path(value).expanduser().absolute()


def optional_file(value: str) -> Path | None:
    """A file that exists, or nothing."""
    if not value:
        return None
    path = Path(value).expanduser().absolute()
    if not path.is_file():
        raise ValueError(f"wants a file that exists; there is none at {path}")
    return path


def address(value: str) -> Address:
    """HOST:PORT; an IPv6 host stands in brackets."""
    matched = re.fullmatch(r"(?:\[([0-9a-fA-F:]+)\]|([^:\s]+)):(\d{1,5})", value.strip())
    if not matched or not 1 <= int(matched[3]) <= 65535:
        raise ValueError("wants HOST:PORT with a port from 1 to 65535, such as 127.0.0.1:8080")
    return Address(matched[1] or matched[2], int(matched[3]))


def whole(minimum: int, maximum: int) -> Callable[[str], int]:
    """A whole number within limits."""

    def whole_number(value: str) -> int:
        if not re.fullmatch(r"\d+", value.strip().replace("_", "")) or not minimum <= int(value) <= maximum:
            raise ValueError(f"wants a whole number from {minimum:,} to {maximum:,}")
        return int(value)

    return whole_number


def duration(minimum_seconds: float, maximum_seconds: float) -> Callable[[str], float]:
    """A span of time with its unit (ms, s, min, h, d), in seconds; a bare number counts seconds."""

    def span(value: str) -> float:
        matched = _AMOUNT.fullmatch(value.strip())
        factor = _SECONDS.get(matched[2].lower() or "s") if matched else None
        if not matched or factor is None or not minimum_seconds <= float(matched[1]) * factor <= maximum_seconds:
            within = f"from {say_seconds(minimum_seconds)} to {say_seconds(maximum_seconds)}"
            raise ValueError(f"wants a time with its unit, such as 500ms, 10s, 5min, 12h or 7d, {within}")
        return float(matched[1]) * factor

    return span


def size(minimum_bytes: int, maximum_bytes: int) -> Callable[[str], int]:
    """An amount of bytes with its unit (kB, MB, GB, KiB, MiB, GiB), in bytes; a bare number counts bytes."""

    def amount(value: str) -> int:
        matched = _AMOUNT.fullmatch(value.strip())
        factor = _BYTES.get(matched[2].lower() or "b") if matched else None
        if not matched or factor is None or not minimum_bytes <= float(matched[1]) * factor <= maximum_bytes:
            raise ValueError(
                f"wants a size with its unit, such as 500MB or 20GB, from {say_bytes(minimum_bytes)} to {say_bytes(maximum_bytes)}"
            )
        return int(float(matched[1]) * factor)

    return amount


def choice(*known: str) -> Callable[[str], str]:
    """One of a few words."""

    def word(value: str) -> str:
        if value.strip().lower() not in known:
            raise ValueError(f"wants one of {', '.join(known)}")
        return value.strip().lower()

    return word


def currency(value: str) -> str:
    """An ISO 4217 code; whether it exists is asked of the contract when events are read."""
    if not re.fullmatch(r"[A-Za-z]{3}", value.strip()):
        raise ValueError("wants a currency of three letters, such as EUR")
    return value.strip().upper()


def url(value: str) -> str:
    """A URL; whether its scheme is known is a rule of its own, because the answer depends on what is installed."""
    if not re.match(r"[a-z][a-z0-9+.-]*:", value.strip()):
        raise ValueError("wants a URL that begins with its scheme, such as duckdb: or postgresql://host/database")
    return value.strip()


def urls(value: str) -> tuple[str, ...]:
    """URLs with commas between them, or nothing."""
    return tuple(url(part) for part in re.split(r",(?=\s*[a-z][a-z0-9+.-]*://)", value) if part.strip())


def say_seconds(seconds: float) -> str:
    """A span of time as a person writes it, in the largest unit that keeps it whole."""
    for unit in ("d", "h", "min", "s"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.15g}{unit}"
    return f"{seconds * 1000:.15g}ms"


def say_bytes(amount: int) -> str:
    """An amount of bytes as a person writes it."""
    for unit, factor in (("TB", 1000**4), ("GB", 1000**3), ("MB", 1000**2), ("kB", 1000)):
        if amount >= factor:
            return f"{amount / factor:.3g} {unit}"
    return f"{amount} B"
