"""Small charts as SVG, which a page can show in light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log10
from typing import Final

WIDTH: Final = 720
LABEL: Final = 300
ROW: Final = 30
_STYLE: Final = (
    "<style>text{font:13px system-ui,sans-serif;fill:#24292f}.dim{fill:#656d76}.bar{fill:#2f6feb}.short{fill:#d1711c}"
    ".mark{stroke:#24292f;stroke-width:2}"
    ".grid{stroke:#8c959f;stroke-opacity:.35}.line{fill:none;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.dim{fill:#9198a1}.mark{stroke:#e6edf3}}</style>"
)
_COLOURS: Final = ("#2f6feb", "#d1711c", "#2da44e", "#8250df")


def bars(title: str, rows: Sequence[tuple[str, float, float | None, bool]]) -> str:
    """Horizontal bars: label, value as a share of its limit, the target's share (a mark), and whether it falls short."""
    most = max([1.0, *(value for _, value, _, _ in rows), *(target or 0 for _, _, target, _ in rows)])
    scale = (WIDTH - LABEL - 70) / most
    parts = []
    for index, (label, value, target, short) in enumerate(rows):
        y, kind = 24 + index * ROW, "short" if short else "bar"
        parts.append(f'<text x="{LABEL - 10}" y="{y + 15}" text-anchor="end">{escape(label)}</text>')
        parts.append(f'<rect class="{kind}" x="{LABEL}" y="{y + 2}" width="{max(1.0, value * scale):.1f}" height="18" rx="2"/>')
        parts.append(f'<text class="dim" x="{LABEL + max(value, target or 0) * scale + 8:.1f}" y="{y + 15}">{value:.2f}</text>')
        if target is not None:
            x = LABEL + target * scale
            parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 1}" y2="{y + 23}"/>')
    return _svg(title, 34 + len(rows) * ROW, parts)


def percentiles(title: str, series: Sequence[tuple[str, Sequence[Sequence[float]]]]) -> str:
    """Latency in milliseconds (logarithmic) over percentiles, spaced so that the tail can be seen."""
    points = [(p, value) for _, line in series for p, value in line if p < 100]
    low, high = min(value for _, value in points) / 1.2, max(value for _, value in points) * 1.2
    left, right, top, bottom = 70, WIDTH - 190, 16, 260

    def x(p: float) -> float:
        return left + (right - left) * -log10(1 - p / 100) / 4.1

    def y(value: float) -> float:
        return bottom - (bottom - top) * (log10(value) - log10(low)) / (log10(high) - log10(low))

    parts = []
    for p in (50, 90, 99, 99.9, 99.99):
        parts.append(f'<line class="grid" x1="{x(p):.1f}" x2="{x(p):.1f}" y1="{top}" y2="{bottom}"/>')
        parts.append(f'<text class="dim" x="{x(p):.1f}" y="{bottom + 18}" text-anchor="middle">p{p:g}</text>')
    for value in (v * 10**power for power in range(-2, 4) for v in (1, 3)):
        if low <= value <= high:
            parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
            parts.append(f'<text class="dim" x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g} ms</text>')
    for index, (label, line) in enumerate(series):
        colour = _COLOURS[index % len(_COLOURS)]
        path = " ".join(f"{x(p):.1f},{y(value):.1f}" for p, value in line if p < 100)
        parts.append(f'<polyline class="line" stroke="{colour}" points="{path}"/>')
        parts.append(f'<rect x="{right + 20}" y="{top + 6 + index * 24}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{right + 38}" y="{top + 17 + index * 24}">{escape(label)}</text>')
    return _svg(title, bottom + 34, parts)


def curves(title: str, unit: str, series: Sequence[tuple[str, Sequence[tuple[float, float]]]], places: Sequence[tuple[float, str]]) -> str:
    """Values over a few named places of an axis (the number of events stored, of collectors), from zero on."""
    most = max([value for _, line in series for _, value in line] or [1.0]) * 1.1 or 1.0
    left, right, top, bottom = 90, WIDTH - 190, 16, 260
    first, last = places[0][0], places[-1][0]

    def x(place: float) -> float:
        return left + (right - left) * ((place - first) / (last - first) if last > first else 0.5)

    def y(value: float) -> float:
        return bottom - (bottom - top) * value / most

    parts = []
    for place, words in places:
        parts.append(f'<line class="grid" x1="{x(place):.1f}" x2="{x(place):.1f}" y1="{top}" y2="{bottom}"/>')
        parts.append(f'<text class="dim" x="{x(place):.1f}" y="{bottom + 18}" text-anchor="middle">{escape(words)}</text>')
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        value = share * most / 1.1
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text class="dim" x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,.3g} {escape(unit)}</text>')
    for index, (label, line) in enumerate(series):
        colour = _COLOURS[index % len(_COLOURS)]
        path = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in line)
        parts.append(f'<polyline class="line" stroke="{colour}" points="{path}"/>')
        parts += [f'<circle cx="{x(place):.1f}" cy="{y(value):.1f}" r="3" fill="{colour}"/>' for place, value in line]
        parts.append(f'<rect x="{right + 20}" y="{top + 6 + index * 24}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{right + 38}" y="{top + 17 + index * 24}">{escape(label)}</text>')
    return _svg(title, bottom + 34, parts)


def _svg(title: str, height: int, parts: list[str]) -> str:
    inside = "\n".join(parts)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
    return f"{head}\n<title>{escape(title)}</title>{_STYLE}\n{inside}\n</svg>\n"
