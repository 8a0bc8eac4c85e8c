"""Whole entries out of a file that SQLite refuses: its pages are read one by one, and an entry is believed when its checksum is right.

After "Database File Format" (sqlite.org), sections 1.5 (b-tree pages), 1.6 (overflow pages), 2.1 (records) and 4 (the write-ahead log).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from ecompulse.log.sqlite import file

LEAF: Final = 0x0D
"""The first byte of a page that holds rows of a table."""
_MAGIC: Final = b"SQLite format 3\0"
_WAL_HEADER, _FRAME_HEADER = 32, 24
PAGE_SIZES: Final = frozenset(1 << power for power in range(9, 17))

Entry = tuple[int, int, str | None, int | None, int | None, bytes | None, bytes | None, int]
"""A row of `entries`."""


class Salvaged(Struct):
    """What could be read of a file."""

    entries: dict[int, Entry] = {}
    """By offset."""
    formats: dict[int, bytes] = {}
    carried: tuple[int, str, int] | None = None

    @property
    def events(self) -> int:
        """Events in the entries."""
        return sum(entry[1] for entry in self.entries.values())


def salvage(path: Path, wal: Path) -> Salvaged:
    """Read what is whole of a file of the log and its write-ahead log; either may be missing.

    Raises:
        OSError: they cannot be read.
    """
    main = path.read_bytes() if path.exists() else b""
    frames = wal.read_bytes() if wal.exists() else b""
    size = _page_bytes(main, frames)
    versions: dict[int, list[bytes]] = {}
    for number in range(len(main) // size):
        versions.setdefault(number + 1, []).append(main[number * size : (number + 1) * size])
    for at in range(_WAL_HEADER, len(frames) - _FRAME_HEADER - size + 1, _FRAME_HEADER + size):
        number = int.from_bytes(frames[at : at + 4], "big")
        versions.setdefault(number, []).append(frames[at + _FRAME_HEADER : at + _FRAME_HEADER + size])
    found = Salvaged()
    for number, pages in versions.items():
        for page in pages:
            for row in _rows(page, number, versions):
                _take(found, row)
    found.entries = {offset: entry for offset, entry in sorted(found.entries.items()) if entry[4] is None or entry[4] in found.formats}
    return found


def _page_bytes(main: bytes, frames: bytes) -> int:
    told = int.from_bytes(frames[8:12], "big")
    if told in PAGE_SIZES:
        return told
    told = int.from_bytes(main[16:18], "big") if main.startswith(_MAGIC) else 0
    told = 65_536 if told == 1 else told
    return told if told in PAGE_SIZES else file.PAGE_BYTES


def _take(found: Salvaged, row: tuple[int, list[Any]]) -> None:
    """Put a row where it belongs, if it is one of ours and what was written."""
    key, values = row
    if len(values) in {6, 8}:  # entries, of files of the first versions and later
        count, (*received, form, events, rejected, checksum) = values[1], values[2:]
        ours = isinstance(count, int) and count > 0 and _is(events, bytes) and _is(rejected, bytes) and _is(form, int)
        if ours and file.checksum(key, count, events, rejected) == checksum:
            text, told = received or (None, None)
            counted = isinstance(text, str) and file.received_checksum(key, text) == told
            found.entries[key] = (key, count, *((text, told) if counted else (None, None)), form, events, rejected, checksum)
    elif len(values) == 3 and isinstance(values[1], str) and file.received_checksum(key, values[1]) == values[2]:
        found.carried = (key, values[1], values[2])
    elif len(values) == 2 and isinstance(values[1], bytes):
        found.formats[key] = values[1]


def _is(value: object, kind: type) -> bool:
    return value is None or isinstance(value, kind)


def _rows(page: bytes, number: int, versions: dict[int, list[bytes]]) -> Iterator[tuple[int, list[Any]]]:
    """The rows of a page, each with its rowid; what makes no sense is passed over."""
    start = 100 if number == 1 else 0
    if page[start] != LEAF:
        return
    cells = int.from_bytes(page[start + 3 : start + 5], "big")
    for index in range(min(cells, len(page) // 4)):
        place = start + 8 + 2 * index
        try:
            at = int.from_bytes(page[place : place + 2], "big")
            length, at = _varint(page, at)
            rowid, at = _varint(page, at)
            yield rowid, _record(_payload(page, at, length, versions))
        except (IndexError, ValueError, OverflowError):
            continue


def _payload(page: bytes, at: int, length: int, versions: dict[int, list[bytes]]) -> bytes:
    usable = len(page)
    most, least = usable - 35, (usable - 12) * 32 // 255 - 23
    if length <= most:
        return _exactly(page[at : at + length], length)
    local = least + (length - least) % (usable - 4)
    local = local if local <= most else least
    parts, left = [page[at : at + local]], length - local
    following = int.from_bytes(page[at + local : at + local + 4], "big")
    for _ in range(length // (usable - 4) + 2):
        if left <= 0:
            break
        overflow = versions[following][-1] if following in versions else b""
        parts.append(overflow[4 : 4 + left])
        left -= len(parts[-1])
        following = int.from_bytes(overflow[:4], "big")
    return _exactly(b"".join(parts), length)


def _exactly(content: bytes, length: int) -> bytes:
    if len(content) != length:
        raise ValueError(f"{len(content)} bytes instead of {length}")
    return content


def _record(payload: bytes) -> list[Any]:
    end, at = _varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Any] = []
    at = end
    for kind in kinds:
        width = _width(kind)
        content = _exactly(payload[at : at + width], width)
        values.append(_value(kind, content))
        at += width
    return values


def _width(kind: int) -> int:
    return (kind - 12) // 2 if kind >= 12 else (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[kind]


def _value(kind: int, content: bytes) -> Any:
    if kind == 0:
        return None
    if kind in {8, 9}:
        return kind - 8
    if kind < 7:
        return int.from_bytes(content, "big", signed=True)
    return content if kind % 2 == 0 else content.decode()


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer and the place after it (section 1.6)."""
    value = 0
    for step in range(9):
        byte = content[at + step]
        if step == 8:
            return (value << 8) | byte, at + 9
        value = (value << 7) | (byte & 0x7F)
        if not byte & 0x80:
            break
    return value, at + step + 1
