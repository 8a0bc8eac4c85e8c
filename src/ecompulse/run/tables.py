"""Tables on standard output: aligned for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """Print rows under their columns, or the sentence that says why there are none.

    In a terminal long cells are folded to its width; elsewhere a row is a line, however long, so that it can be searched.
    """
    from rich import box  # 0.1 s, which JSON and the commands that print no table do without
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not rows:
        console.print(empty, soft_wrap=True)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column, overflow="fold", justify="right" if all(isinstance(row[len(table.columns)], int | float) for row in rows) else "left"
        )
    for row in rows:
        table.add_row(*("–" if cell in (None, "") else str(cell) for cell in row))
    if not console.is_terminal:
        console.width = 10_000
    console.print(table)


def print_json(value: object) -> None:
    """Print a value as JSON; times and decimals as their text."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")
