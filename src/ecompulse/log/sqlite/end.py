"""Where a partition ended when it was last appended to, told beside the log: so that a lost end of a file is noticed and counted.

Written into memory that the system keeps when the process dies, not flushed: after a power cut it may say less than the log does, never
more.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

NAME: Final = "end"
_FORM: Final = struct.Struct("<QI")
"""The offset and its CRC-32."""


class EndMark:
    """The mark of a partition that is being appended to; `tell` costs less than a microsecond."""

    def __init__(self, folder: Path) -> None:
        """Map the mark in the partition's folder, made if it is not there.

        Raises:
            OSError: it cannot be written.
        """
        with (folder / NAME).open("a+b") as told:
            if told.tell() < _FORM.size:
                told.write(bytes(_FORM.size - told.tell()))
                told.flush()
            self._memory = mmap.mmap(told.fileno(), _FORM.size)

    def tell(self, offset: int) -> None:
        """Say that everything before `offset` is in the log."""
        self._memory[:] = _FORM.pack(offset, zlib.crc32(b"%d" % offset))

    def close(self) -> None:
        """Let go of it."""
        self._memory.close()


class Marks:
    """The marks of some partitions, to see when one changes: a look costs a microsecond or two for each."""

    def __init__(self, folders: Iterable[Path]) -> None:
        """Open the marks that are there."""
        self._files: list[int] = []
        for folder in folders:
            with suppress(FileNotFoundError):
                self._files.append(os.open(folder / NAME, os.O_RDONLY))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            os.close(file)

    def look(self) -> list[bytes]:
        """What they say now."""
        return [os.pread(file, _FORM.size, 0) for file in self._files]


def told_end(folder: Path) -> int:
    """What the mark in a partition's folder says; 0 where there is none, or it is damaged."""
    try:
        content = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return 0
    if len(content) != _FORM.size:
        return 0
    offset, checksum = _FORM.unpack(content)
    return int(offset) if zlib.crc32(b"%d" % offset) == checksum else 0
