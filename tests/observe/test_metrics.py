"""Metrics: declared once, named as Prometheus wants, read as they are."""

from __future__ import annotations

import re

import pytest

from ecompulse.observe import metrics
from ecompulse.observe.metrics import Metric


@pytest.mark.parametrize("metric", metrics.DECLARED, ids=lambda m: m.name)
def test_each_metric_is_named_and_explained_for_an_operator(metric: Metric) -> None:
    assert re.fullmatch(r"ecompulse_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.unit != "seconds" or "_seconds" in metric.name
    assert metric.unit != "bytes" or "_bytes" in metric.name
    assert metric.help.endswith(".")
    assert len(metric.help) > 20


def test_no_name_is_declared_twice() -> None:
    names = [m.name for m in metrics.DECLARED]
    assert len(names) == len(set(names))


def test_what_is_counted_is_told_in_prometheus_format() -> None:
    metrics.ROUND_EVENTS.observe(3)
    metrics.TAIL_ROWS.set(17)
    text = metrics.text().decode()
    assert "ecompulse_process_round_events_count 1.0" in text
    assert "ecompulse_store_tail_rows 17.0" in text
    assert re.search(r"^# HELP ecompulse_store_tail_rows .{10,}", text, re.MULTILINE)
    assert "_created" not in text
