"""Charts are whole SVG, whatever the figures."""

from __future__ import annotations

from xml.etree import ElementTree

from bench import plot

SVG = "{http://www.w3.org/2000/svg}"


def test_a_bar_is_as_long_as_its_share_and_marks_what_falls_short() -> None:
    chart = ElementTree.fromstring(plot.bars("ratios", [("a & b", 0.5, 0.8, True), ("c", 1.0, None, False)]))

    short, full = chart.findall(f"{SVG}rect")
    assert short.get("class") == "short"
    assert float(full.get("width", "0")) == 2 * float(short.get("width", "0"))
    assert len(chart.findall(f"{SVG}line")) == 1


def test_a_slower_percentile_is_drawn_higher() -> None:
    chart = ElementTree.fromstring(plot.percentiles("latency", [("one", [[50, 1.0], [99, 10.0], [100, 12.0]])]))

    (line,) = chart.findall(f"{SVG}polyline")
    first, last = (tuple(map(float, point.split(","))) for point in line.get("points", "").split())
    assert first[0] < last[0]
    assert first[1] > last[1]
