"""The truth file against a second reckoning of the very lines that were sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .reckoning import figures
from .running import lines, truth

FAULTS = {"duplicates": "3%", "late": "4%", "malformed": "3%"}


@pytest.mark.parametrize(
    "options",
    [
        {"mix": "shop", "events": 12_000, "seed": 3},
        {"mix": "shop", "events": 30_000, "seed": 11, **FAULTS},
        {"mix": "shop", "events": 8_000, "seed": 4, "rate": "400000", **FAULTS},
        {"mix": "service", "events": 5_000, "seed": 5, **FAULTS},
        {"mix": "catalogue", "events": 5_000, "seed": 6, **FAULTS},
    ],
    ids=["shop", "shop with faults", "shop at a rate", "service with faults", "catalogue with faults"],
)
def test_the_truth_is_what_a_second_reckoning_of_the_lines_finds(tmp_path: Path, options: dict[str, Any]) -> None:
    file = tmp_path / "deep" / "truth.json"
    sent = lines(truth=file, **options)
    told = truth(file)
    reckoned = figures(sent)
    assert {name: told[name] for name in reckoned} == reckoned
