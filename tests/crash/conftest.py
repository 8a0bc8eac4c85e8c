"""One system for the tests of a module, in which flushes come often, so that every point is passed often."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.conftest import RunningSystem

SETTINGS = {"ECOMPULSE_TAIL_TIME": "0.2s", "ECOMPULSE_TAIL_ROWS": "2000", "ECOMPULSE_LOG_FILE_BYTES": "64kB"}
"""And files of the log are rolled every second or so."""


@pytest.fixture(scope="module")
def busy_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """Shared by the tests of a module, which kill it as they like; `system` starts it again where one left it dead."""
    made = RunningSystem(tmp_path_factory.mktemp("system"), dict(SETTINGS))
    try:
        yield made
    finally:
        if made.process is not None:
            made.kill()


@pytest.fixture
def system(busy_system: RunningSystem) -> RunningSystem:
    """The module's system, running and ready."""
    if busy_system.process is not None and not busy_system.ready():
        busy_system.kill()
    if busy_system.process is None or busy_system.process.poll() is not None:
        busy_system.start()
    return busy_system
