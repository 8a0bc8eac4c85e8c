"""Results as a table in the terminal and as JSON beside the suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table

from bench.figures import ROOM, Figure, read_targets, shortfalls

RESULTS: Final = Path(__file__).with_name("results") / "latest.json"
WIDE_COLUMNS: Final = 150
"""Characters of a line from which on titles and limits are spelled out; a file or a pipe has as many."""


class Results(msgspec.Struct):
    """One run of the suite."""

    machine: dict[str, Any]
    at: str
    seconds: float
    figures: list[Figure]
    troubles: dict[str, str]
    """Measures that could not be taken, and why."""


def save(results: Results, path: Path = RESULTS) -> None:
    """Write a run; figures that this run did not measure are kept from the one before, if that was on this machine.

    Rooms are a table of their own, and never of two runs.
    """
    if path.exists():
        before = msgspec.json.decode(path.read_bytes(), type=Results)
        have = {figure.name for figure in results.figures}
        rooms = any(name.startswith(ROOM) for name in have)
        kept = [figure for figure in before.figures if figure.name not in have and not (rooms and figure.name.startswith(ROOM))]
        if before.machine.get("processor") == results.machine.get("processor"):
            results = msgspec.structs.replace(results, figures=[*results.figures, *kept])
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")


def show(results: Results) -> None:
    """Print a run; where the terminal is narrow, without the words that `docs/performance.md` has."""
    console, targets = Console(), read_targets()
    if not console.is_terminal:
        console.width = WIDE_COLUMNS
    wide = console.width >= WIDE_COLUMNS
    table = Table(title=_machine(results.machine), title_justify="left", show_lines=False)
    for heading, side in (
        ("figure", "left"),
        ("value", "right"),
        ("ratio", "right"),
        ("limit in the same run", "left"),
        ("target", "left"),
    ):
        table.add_column(heading, justify=side, overflow="fold")  # type: ignore[arg-type]  # rich names its literals otherwise
    for figure in results.figures:
        lacks = shortfalls(figure, targets.get(figure.name))
        limit = "" if figure.limit is None else f"{number(figure.limit.value)} {figure.limit.name}" if wide else number(figure.limit.value)
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        judged = "[red]short: " + "; ".join(lacks) + "[/red]" if lacks else "[green]reached[/green]" if figure.name in targets else ""
        title = f"{figure.title} [dim]({figure.name})[/dim]" if wide else figure.name
        table.add_row(title, f"{number(figure.value)} {figure.unit}", ratio, limit, judged)
    console.print(table)
    for subject, trouble in results.troubles.items():
        console.print(f"[red]{subject} was not measured:[/red] {trouble}")


def number(value: float) -> str:
    """A number as a person reads it: three digits that say something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _machine(machine: dict[str, Any]) -> str:
    sync, load = machine["fsync_ms"], machine["load_average_before"]
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}; "
        f"fsync of 64 kB {sync['p50']} ms (p99 {sync['p99']}); load {load[0]} before, {machine['load_average_after'][0]} after"
    )
