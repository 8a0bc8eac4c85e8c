"""Figures that are many of one kind, as tables and curves of the page: questions by size of the store, growth, and collectors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from bench import plot
from bench.figures import Figure, Target, shortfalls
from bench.report import number

CURVES: Final = ("question-", "page-", "growth-")
"""How the names of figures begin that have tables of their own."""
NONE: Final = "*not measured yet*"
_ASKED: Final = re.compile(r"(?P<what>(?:question|page)-?.*?)-(?P<range>list|live|day|all)-(?P<size>\d+)M")
_GROWN: Final = re.compile(r"growth-(?P<what>.+)-(?P<size>\d+)M")
RANGES: Final = {
    "list": "what is newest, or of one person",
    "live": "the last 30 minutes",
    "day": "a day of 10 million events",
    "all": "everything",
}
CHARTED: Final = ("question-revenue", "question-timeline", "question-top-products", "page")


def asked(figures: Sequence[Figure], targets: Mapping[str, Target]) -> str:
    """One line a question and range, one column a size: p50 and p99 in milliseconds."""
    found: dict[tuple[str, str], dict[int, Figure]] = {}
    for figure in figures:
        if match := _ASKED.fullmatch(figure.name):
            found.setdefault((match["what"], match["range"]), {})[int(match["size"])] = figure
    if not found:
        return NONE
    sizes = sorted({size for row in found.values() for size in row})
    lines = [f"| question | over | {' | '.join(f'{size} M stored' for size in sizes)} |", f"|---|---|{'---:|' * len(sizes)}"]
    for (what, span), row in sorted(found.items(), key=lambda entry: (list(RANGES).index(entry[0][1]), entry[0][0])):
        name = "a whole round of the overview" if what == "page" else f"`{what.removeprefix('question-')}`"
        lines.append(f"| {name} | {RANGES[span]} | {' | '.join(_cell(row.get(size), targets) for size in sizes)} |")
    return "\n".join(lines)


def _cell(figure: Figure | None, targets: Mapping[str, Target]) -> str:
    if figure is None:
        return ""
    if figure.detail.get("ended_by_the_time_limit"):
        return "ended after 10 s"
    short = " **short**" if shortfalls(figure, targets.get(figure.name)) else ""
    return f"{number(figure.detail['p50'])} / {number(figure.detail['p99'])}{short}"


def table(figures: Sequence[Figure]) -> str:
    """One line a figure, one column a size of what is stored before it is measured."""
    found = _growth(figures)
    if not found:
        return NONE
    sizes = sorted({size for row in found.values() for size in row})
    lines = [f"| figure | {' | '.join('nothing' if not size else f'{size} M' for size in sizes)} |", f"|---|{'---:|' * len(sizes)}"]
    for what, row in found.items():
        cells = (f"{number(row[size].value)} {row[size].unit}" if size in row else "" for size in sizes)
        lines.append(f"| `{what}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _growth(figures: Sequence[Figure]) -> dict[str, dict[int, Figure]]:
    found: dict[str, dict[int, Figure]] = {}
    for figure in figures:
        if match := _GROWN.fullmatch(figure.name):
            found.setdefault(match["what"], {})[int(match["size"])] = figure
    return found


def charts(figures: Sequence[Figure]) -> dict[str, str]:
    """Curves by name of their file: growth, questions by size, collectors. An empty chart where nothing is measured."""
    grown = {what: {size: figure.value for size, figure in row.items()} for what, row in _growth(figures).items()}
    live: dict[str, dict[int, float]] = {}
    for figure in figures:
        if (match := _ASKED.fullmatch(figure.name)) and match["range"] == "live" and match["what"] in CHARTED:
            live.setdefault(match["what"].removeprefix("question-"), {})[int(match["size"])] = figure.value
    doors = {int(figure.name.rpartition("-")[2]): figure.value for figure in figures if re.fullmatch(r"end-to-end-\d+", figure.name)}
    rates = {what: row for what, row in grown.items() if not what.startswith("fresh")}
    waits = {what: row for what, row in grown.items() if what.startswith("fresh")}
    return {
        "growth-rates": _by_size("Events a second over what is stored before", "/s", rates),
        "growth-fresh": _by_size("Acknowledgement to query over what is stored before", "ms", waits),
        "questions": _by_size("Questions over the last 30 minutes, p99, over what is stored", "ms", live),
        "collectors": plot.curves(
            "HTTP to a row that can be queried, by collectors", "/s", [("end to end", sorted(doors.items()))], _places(doors, str)
        ),
    }


def _by_size(title: str, unit: str, rows: Mapping[str, Mapping[int, float]]) -> str:
    sizes = sorted({size for row in rows.values() for size in row})
    places = [(_place(size), f"{size} M" if size else "0") for size in sizes] or [(0.0, "")]
    lines = [(what, [(_place(size), value) for size, value in sorted(row.items())]) for what, row in rows.items()]
    return plot.curves(title, unit, lines, places)


def _place(size: int) -> float:
    """Nothing, one million, ten million, … at equal distances."""
    return 1 + math.log10(size) if size else 0.0


def _places(found: Mapping[int, float], words: type[str]) -> list[tuple[float, str]]:
    return [(float(place), words(place)) for place in sorted(found)] or [(0.0, "")]
