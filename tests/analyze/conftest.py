"""A store with what a test adds to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.analyze.stocked import Stocked


@pytest.fixture
def stocked(tmp_path: Path) -> Iterator[Stocked]:
    """An empty store."""
    made = Stocked(tmp_path)
    yield made
    made.store.close()
