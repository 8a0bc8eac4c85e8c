"""A wall clock that a test sets for all processes of a system at once, while they run; their monotonic clock goes on as before.

libfaketime was tried: it makes `time.sleep` fail when it is told to leave the monotonic clock alone, and what it shares between processes
stays behind for each that is killed.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("clock.c")
DAY_SECONDS = 86_400
BACK_SECONDS = DAY_SECONDS - 10
"""Set back by this, times of right senders are nearly a day ahead of the door's; what is more than a day ahead is refused, and told so."""


class WallClock:
    """The clock of the processes that are given its settings."""

    def __init__(self, folder: Path) -> None:
        """Make it in a folder; it is right at first."""
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.fail("this test needs a C compiler: apt-get install gcc libc6-dev")
        self._library, self._file = folder / "clock.so", folder / "clock"
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", self._library, SOURCE], check=True)
        self._file.write_bytes(struct.pack("q", 0))

    @property
    def settings(self) -> dict[str, str]:
        """What a process must find in its environment."""
        return {"LD_PRELOAD": str(self._library), "CLOCK_FILE": str(self._file)}

    def set_ahead(self, seconds: int) -> None:
        """Set it so far ahead of the true time; behind when negative."""
        with self._file.open("r+b") as mapped:
            mapped.write(struct.pack("q", seconds))
