"""Reference pages say what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecompulse.run.reference import PAGES

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", PAGES)
def test_a_derived_page_is_what_the_code_says_now(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), f"docs/reference/{name} is behind the code: make docs"
