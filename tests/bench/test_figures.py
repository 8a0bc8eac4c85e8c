"""The arithmetic of the measurements: what falls short, and of what."""

from __future__ import annotations

import pytest
from bench.figures import Figure, Limit, Target, read_targets, shortfalls


def test_a_ratio_is_the_value_as_a_share_of_its_limit() -> None:
    assert Figure("single", "", 30.0, "events/s", Limit("a no-op", 40.0)).ratio == 0.75


def test_a_figure_without_a_limit_has_no_ratio() -> None:
    assert Figure("start", "", 1.0, "s").ratio is None


@pytest.mark.parametrize(
    ("target", "short"),
    [
        (Target("", ratio=0.8), True),
        (Target("", ratio=0.7), False),
        (Target("", ratio=0.7, below=True), True),
        (Target("", ratio=0.8, below=True), False),
        (Target("", at_least=31), True),
        (Target("", at_least=30), False),
        (Target("", at_most=29), True),
        (Target("", at_most=30), False),
        (Target("", ratio=0.8, at_least=30), True),
        (None, False),
    ],
)
def test_a_figure_falls_short_of_any_part_of_its_target(target: Target | None, short: bool) -> None:
    figure = Figure("x", "", 30.0, "events/s", Limit("limit", 40.0))

    assert bool(shortfalls(figure, target)) is short


def test_every_target_says_why_and_asks_for_something() -> None:
    targets = read_targets()

    assert targets
    for name, target in targets.items():
        assert target.why.endswith("."), name
        assert (target.ratio, target.at_least, target.at_most) != (None, None, None), name
