"""Where rows go: lines on a stream, or files in a folder."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import BinaryIO, Protocol

from ecompulse.simulate.csv_rows import HEADER
from ecompulse.simulate.options import Plan

ROWS_PER_FILE = 50_000
SECONDS_PER_FILE = 5
"""At the pace of the clock a file is closed after this long, so that whoever watches the folder waits no longer."""


class Output(Protocol):
    """Takes rows in order. Only one thread may call it.

    `rows_at_once` is how many rows it likes to be given at most; `redelivered` how many rows may have arrived twice.
    """

    rows_at_once: int
    errors: int
    redelivered: int

    def send(self, rows: list[bytes]) -> None:
        """Send rows; may wait until there is room for them.

        Raises:
            SendError: they cannot be sent, now or later.
        """
        ...

    def tick(self) -> None:
        """Called often, at least once a second, also while there is nothing to send."""
        ...

    def stop_soon(self) -> None:
        """Called before `close` when there is no time to wait for a receiver that is away."""
        ...

    def close(self) -> None:
        """Wait until all is delivered; nothing is sent afterwards.

        Raises:
            SendError: something could not be delivered.
        """
        ...


class SendError(Exception):
    """Rows cannot be delivered; the message says where, why, and what to do."""


class Lines:
    """Rows as lines on a stream such as standard output."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.rows_at_once = 8192
        self.errors = self.redelivered = 0

    def send(self, rows: list[bytes]) -> None:
        """Write each row and a line end."""
        self._stream.write(b"\n".join(rows))
        self._stream.write(b"\n")

    def tick(self) -> None:
        """Let a reader see what has been written."""
        self._stream.flush()

    def stop_soon(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Flush; the stream belongs to whoever opened it."""
        self._stream.flush()


class Folder:
    """Rows in files of a folder: each is written under a name that begins with a dot, which readers pass over, and then renamed."""

    def __init__(self, folder: str, plan: Plan) -> None:
        self._folder = Path(folder)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SendError(f"--to {folder}: cannot make the folder: {error.strerror}") from error
        self._header, self._ending = (HEADER, "csv") if plan.mix == "catalogue" else (b"", "ndjson")
        self._name = f"events-{plan.start_ms}-{plan.seed}"
        self._seconds_per_file = 0.0 if plan.per_second is None else SECONDS_PER_FILE
        self._rows: list[bytes] = []
        self._oldest, self._written = 0.0, 0
        self.rows_at_once = ROWS_PER_FILE
        self.errors = self.redelivered = 0

    def send(self, rows: list[bytes]) -> None:
        """Add rows to the file under way, and finish it when it is full."""
        self._oldest = self._oldest or _now()
        self._rows += rows
        while len(self._rows) >= ROWS_PER_FILE:
            self._finish(self._rows[:ROWS_PER_FILE])
            self._rows = self._rows[ROWS_PER_FILE:]

    def tick(self) -> None:
        """Finish the file under way when it is old enough."""
        if self._rows and self._seconds_per_file and _now() - self._oldest >= self._seconds_per_file:
            self._finish(self._rows)
            self._rows = []

    def stop_soon(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Finish the last file."""
        if self._rows:
            self._finish(self._rows)
            self._rows = []

    def _finish(self, rows: list[bytes]) -> None:
        self._written += 1
        final = self._folder / f"{self._name}-{self._written:06d}.{self._ending}"
        draft = self._folder / f".{final.name}.part"
        try:
            with draft.open("wb") as file:
                file.write(self._header + b"\n" if self._header else b"")
                file.write(b"\n".join(rows) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(final)
        except OSError as error:
            raise SendError(f"--to {self._folder}: cannot write {final.name}: {error.strerror}") from error
        self._oldest = 0.0


def _now() -> float:
    return time.monotonic()
