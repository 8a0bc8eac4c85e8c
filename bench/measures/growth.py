"""What a store that has grown changes: the whole way, freshness and processing beside an empty store in the same run.

SIZES=1,10,100 are the million events that are stored already; each store is made once and kept (see `bench.stock`), and copied for the run.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Final

from bench import stock
from bench.figures import Figure, Limit
from bench.measures.end_to_end import middle, through
from bench.measures.latency import freshness
from bench.measures.processing import ROW_GROUP, logged, processed
from bench.run_of import Setting
from bench.system import running
from ecompulse.process import stores

SIZES: Final = tuple(int(size) for size in os.environ.get("SIZES", "1").replace(",", " ").split())
EVENTS: Final = 4 * ROW_GROUP
"""Of one round of processing: of fewer, half would be written as what fills the last row group, or begins one, at twice the cost."""


def growth(setting: Setting) -> list[Figure]:
    """Each figure with nothing stored, then with each size."""
    base: dict[str, float] = {}
    figures: list[Figure] = []
    for millions in (0, *SIZES):
        folder = setting.folder / f"{millions}M"
        folder.mkdir()
        if millions:
            stock.copied(millions, folder / "data")
        for name, words, value, unit, detail in (*_served(setting, folder), _processed(setting, folder / "data")):
            base.setdefault(name, value)
            title = f"{words}, {f'{millions} million events' if millions else 'nothing'} stored before"
            limit = Limit("the same with nothing stored before", base[name]) if millions else None
            figures.append(Figure(f"growth-{name}-{millions}M", title, value, unit, limit, detail))
        shutil.rmtree(folder)
    return figures


Row = tuple[str, str, float, str, dict[str, Any]]


def _served(setting: Setting, folder: Path) -> list[Row]:
    with running(folder) as system:
        per_second, way = middle([through(system, setting.seconds, turn) for turn in range(setting.rounds)])
        found, _, told = freshness(system, setting.seconds)
    return [
        ("end-to-end", "HTTP to a row that can be queried, 1 collector", per_second, "events/s", way),
        ("fresh-p50", "Acknowledgement to query, half of capacity, p50", found["p50"], "ms", told),
        ("fresh-p99", "Acknowledgement to query, half of capacity, p99", found["p99"], "ms", told),
    ]


def _processed(setting: Setting, data: Path) -> Row:
    """The engine alone, from a log that begins where the store is."""
    rounds = []
    for _ in range(setting.rounds):
        logged(data / "log", EVENTS)
        per_second, cpu, rows = processed(data / "log", stores.folder_of(data, stores.current(data)))
        rounds.append((per_second, {"rows": rows, "cpu_us_an_event": round(cpu, 2)}))
    per_second, detail = middle(rounds)
    return ("processing", "Processing alone: log to store", per_second, "events/s", detail)
