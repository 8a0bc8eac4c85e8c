"""What a measurement gives: a figure, its limit in the same run, and whether it reaches its target."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

TARGETS: Final = Path(__file__).with_name("targets.toml")
ROOM: Final = "room-"
"""How names of figures of a single room begin."""


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a figure must reach, and why. `ratio` is to the limit; `at_least` and `at_most` are in the figure's unit."""

    why: str
    ratio: float | None = None
    below: bool = False
    """Whether the ratio must stay below its target instead of above."""
    at_least: float | None = None
    at_most: float | None = None


class Limit(msgspec.Struct, frozen=True):
    """What bounds a figure, measured in the same run and in the same unit."""

    name: str
    value: float


class Figure(msgspec.Struct, frozen=True):
    """One measured value. `name` is its key in targets.toml; `detail` holds what a reader may want to look up."""

    name: str
    title: str
    value: float
    unit: str
    limit: Limit | None = None
    detail: Mapping[str, Any] = {}

    @property
    def ratio(self) -> float | None:
        """The value as a share of its limit."""
        return None if self.limit is None or not self.limit.value else self.value / self.limit.value


def read_targets(path: Path = TARGETS) -> dict[str, Target]:
    """The targets by the figure's name.

    Raises:
        msgspec.ValidationError: a target is not written as `Target` says.
    """
    return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), dict[str, Target])


def shortfalls(figure: Figure, target: Target | None) -> list[str]:
    """What the figure lacks of its target, in words; empty where it reaches all of it."""
    if target is None:
        return []
    said = []
    ratio = figure.ratio
    if target.ratio is not None and ratio is not None and (ratio > target.ratio if target.below else ratio < target.ratio):
        said.append(f"ratio {ratio:.2f} instead of {'at most' if target.below else 'at least'} {target.ratio:g}")
    if target.at_least is not None and figure.value < target.at_least:
        said.append(f"{figure.value:,.0f} instead of at least {target.at_least:,.0f} {figure.unit}")
    if target.at_most is not None and figure.value > target.at_most:
        said.append(f"{figure.value:,.3g} instead of at most {target.at_most:,.3g} {figure.unit}")
    return said
