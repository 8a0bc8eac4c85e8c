"""The page docs/performance.md and its charts, from the results of the last run: `python -m bench.page`."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from bench import grown, plot
from bench.budget import budget
from bench.figures import ROOM, Figure, Target, read_targets, shortfalls
from bench.grown import CURVES
from bench.report import RESULTS, Results, number
from bench.run_of import ROOT

PAGE: Final = ROOT / "docs" / "performance.md"
SHARED: Final = 1.2
"""Times of its best from which on a loop in the middle tells of a neighbour, and is no jitter."""
IMAGES: Final = ROOT / "docs" / "images" / "performance"
PROSE: Final = Path(__file__).with_name("performance.md")
"""The words of the page; `{{name}}` stands for what is measured."""


def main() -> int:
    """Write page and charts; returns 1 when nothing has been measured yet."""
    if not RESULTS.exists():
        print(f"{RESULTS} is not there; run `make bench` first", file=sys.stderr)
        return 1
    results = msgspec.json.decode(RESULTS.read_bytes(), type=Results)
    targets = read_targets()
    measured = [figure for figure in results.figures if not figure.name.startswith((ROOM, *CURVES))]
    measured.sort(key=lambda figure: list(targets).index(figure.name) if figure.name in targets else len(targets))
    IMAGES.mkdir(parents=True, exist_ok=True)
    (IMAGES / "ratios.svg").write_text(_ratios(measured, targets), encoding="utf-8")
    lines = [
        (f"{f.name.split('-')[1]} connections", f.detail["percentiles"])
        for f in measured
        if f.name.startswith("ack-") and f.name.endswith("p50")
    ]
    lines += [("to a query that sees it", f.detail["percentiles"]) for f in measured if f.name == "fresh-p50"]
    for name, chart in grown.charts(results.figures).items():
        (IMAGES / f"{name}.svg").write_text(chart, encoding="utf-8")
    if lines:
        (IMAGES / "latency.svg").write_text(plot.percentiles("Latency at half of capacity", lines), encoding="utf-8")
    filled = {
        "machine": _machine(results),
        "figures": _figures(measured, targets),
        "targets": _targets(targets),
        "spent": _spent(measured),
        "budget": budget(results.figures),
        "questions": grown.asked(results.figures, targets),
        "growth": grown.table(results.figures),
        "rooms": _rooms(results.figures),
        "json": msgspec.json.format(msgspec.json.encode({f.name: _quoted(f) for f in measured}), indent=1).decode(),
    }
    text = PROSE.read_text(encoding="utf-8")
    for name, value in filled.items():
        text = text.replace("{{" + name + "}}", value)
    PAGE.write_text(text, encoding="utf-8")
    return 0


def _machine(results: Results) -> str:
    machine = results.machine
    sync, versions = machine["fsync_ms"], ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    loads = [figure.detail["load_average"] for figure in results.figures if "load_average" in figure.detail]
    crowd = (
        " Other work shared the cores meanwhile: absolute figures are too low by about as much, and ratios are rough."
        if max(loads) > 1.5 * machine["cores"]
        else ""
    )
    loops = [figure.detail["loop_ms"] for figure in results.figures if "loop_ms" in figure.detail]
    if loops:
        best, middle = min(loop["best"] for loop in loops), statistics.median(loop["p50"] for loop in loops)
        if middle > SHARED * best:
            crowd += (
                f" A loop that needs nothing but a core took {middle:g} ms in the middle and {best:g} ms at best, for a neighbour on the"
                " same processor takes its part: absolute figures are those of a machine"
                f" {middle / best:.1f} times slower than this one can be."
            )
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
        f"Python {machine['python']}, {versions}. "
        f"Writing 64 kB and having it on disk took {sync['p50']} ms (p99 {sync['p99']} ms). Measured {results.at[:10]}, "
        f"{results.seconds:g} s a load; load average when a measurement began: {min(loads)} to {max(loads)}.{crowd}"
    )


def _figures(figures: Iterable[Figure], targets: dict[str, Target]) -> str:
    rows = ["| figure | value | ratio | its limit in the same run | target |", "|---|---:|---:|---|---|"]
    for figure in figures:
        lacks, target = shortfalls(figure, targets.get(figure.name)), targets.get(figure.name)
        judged = "" if target is None else "**short**: " + "; ".join(lacks) if lacks else "reached"
        limit = f"{number(figure.limit.value)} {figure.unit}: {figure.limit.name}" if figure.limit else ""
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        rows.append(f"| {figure.title} (`{figure.name}`) | {number(figure.value)} {figure.unit} | {ratio} | {limit} | {judged} |")
    return "\n".join(rows)


def _targets(targets: dict[str, Target]) -> str:
    rows = ["| figure | target | why |", "|---|---|---|"]
    for name, target in targets.items():
        asked = [f"ratio {'≤' if target.below else '≥'} {target.ratio:g}"] if target.ratio is not None else []
        asked += [f"≥ {target.at_least:,.0f}"] if target.at_least is not None else []
        asked += [f"≤ {target.at_most:g}"] if target.at_most is not None else []
        rows.append(f"| `{name}` | {', '.join(asked)} | {target.why} |")
    return "\n".join(rows)


def _spent(figures: Iterable[Figure]) -> str:
    rows = ["| way | process | µs of processor time an event |", "|---|---|---:|"]
    rows += [
        f"| `{figure.name}` | {role} | {used:.2f} |"
        for figure in figures
        if figure.name.startswith("end-to-end")
        for role, used in figure.detail["cpu_us_an_event"].items()
    ]
    return "\n".join(rows)


def _rooms(figures: Iterable[Figure]) -> str:
    """One line a function, one column a size of group."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    for figure in figures:
        if figure.name.startswith(ROOM):
            room, what, at_once = figure.detail["row"]
            found.setdefault((room, what), {})[at_once] = figure.value
    sizes = sorted({size for row in found.values() for size in row})
    rows = [f"| room | function | {' | '.join(f'{size:,}' for size in sizes)} |", f"|---|---|{'---:|' * len(sizes)}"]
    rows += [
        f"| {room} | {what} | {' | '.join(f'{row[size]:.2f}' if size in row else '' for size in sizes)} |"
        for (room, what), row in found.items()
    ]
    return "\n".join(rows)


def _ratios(figures: Iterable[Figure], targets: dict[str, Target]) -> str:
    rows = []
    for figure in figures:
        target = targets.get(figure.name)
        if figure.ratio is not None and target is not None and target.ratio is not None:
            rows.append((figure.name, figure.ratio, target.ratio, bool(shortfalls(figure, target))))
    return plot.bars("Figures as a share of their limit; the mark is the target", rows)


def _quoted(figure: Figure) -> dict[str, Any]:
    return {
        "value": round(figure.value, 3),
        "unit": figure.unit,
        "limit": round(figure.limit.value, 3) if figure.limit else None,
        **figure.detail,
    }


if __name__ == "__main__":
    sys.exit(main())
