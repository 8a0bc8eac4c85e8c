"""Runs a simulation inside the test, and reads what it wrote."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from ecompulse.simulate.options import Options
from ecompulse.simulate.service import simulate

START = "2026-01-01T00:00:00Z"


def lines(**options: Any) -> list[bytes]:
    """The lines of a simulation as fast as possible, from a fixed start."""
    out, told = io.BytesIO(), io.StringIO()
    status = simulate(Options(**{"rate": "max", "start": START, **options}), out, told)
    assert status == 0, told.getvalue()
    return out.getvalue().splitlines()


def events(**options: Any) -> list[dict[str, Any]]:
    """The same as dicts."""
    return [json.loads(line) for line in lines(**options)]


def truth(path: Path) -> dict[str, Any]:
    """The content of a truth file."""
    content: dict[str, Any] = json.loads(path.read_text())
    return content
