"""The microseconds of an event on the whole way, room by room, which add up to what the processes used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bench.figures import ROOM, Figure

WAY: Final = "end-to-end-1"
GROUP: Final = 2_000
"""Events that a collector and the engine handle at once under load, the nearest of what `rooms` measures."""
BODY: Final = 100
"""Events of a request, which is read by itself."""
ROLE: Final = {"contract": "collect", "guard": "collect", "collect": "collect", "process": "process", "store": "process"}
REST: Final = {
    "collect": "HTTP, event loop, threads and locks, the kernel's part of sockets",
    "process": "ids and checkpoints on disk, live figures, threads and locks, the measurement's own queries",
}


def budget(figures: Sequence[Figure]) -> str:
    """A table of each process: its rooms, the rest, and its total."""
    whole = next((figure for figure in figures if figure.name == WAY), None)
    rows = [figure for figure in figures if figure.name.startswith(ROOM)]
    if whole is None or not rows:
        return "*not measured yet*"
    used: dict[str, float] = {}
    for role, microseconds in whole.detail["cpu_us_an_event"].items():
        name = role.split(" ")[0]
        used[name] = used.get(name, 0.0) + microseconds
    lines = ["| process | room | µs an event |", "|---|---|---:|"]
    for process in ("collect", "process"):
        parts = _parts(rows, process)
        total = used.get(process, 0.0)
        lines += [f"| {process} | {what} | {value:.2f} |" for what, value in parts]
        lines.append(f"| {process} | the rest: {REST[process]} | {total - sum(value for _, value in parts):.2f} |")
        lines.append(f"| **{process}** | **all of it, by the kernel's count** | **{total:.2f}** |")
    others = {name: value for name, value in used.items() if name not in ROLE.values()}
    lines += [f"| {name if name != 'the' else 'load'} | all of it | {value:.2f} |" for name, value in others.items()]
    lines.append(f"| **sum** | | **{sum(used.values()):.2f}** |")
    return "\n".join(lines)


def _parts(rows: Sequence[Figure], process: str) -> list[tuple[str, float]]:
    """Rooms of a process at the size of group that it has under load; what is a part of another row is left out."""
    found: dict[str, float] = {}
    for figure in rows:
        room, what, at_once = figure.detail["row"]
        inside = what.startswith(("…", "pack", "unpack")) or "UUIDv4" in what
        wanted = room == "store" or at_once == (BODY if what.startswith("read: bytes") else GROUP)  # a tail is written whole
        if not inside and wanted and _process_of(room, what) == process:
            found[f"{room}: {what}"] = figure.value
    return list(found.items())


def _process_of(room: str, what: str) -> str:
    return ROLE[room] if room != "log" else "collect" if what.startswith("append") else "process"
