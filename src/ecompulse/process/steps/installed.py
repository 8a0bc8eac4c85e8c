"""Steps that users add: callables that installed packages name under the entry-point group `ecompulse.steps`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from ecompulse.process.step import Step, Steps
from ecompulse.process.steps import default_steps

GROUP: Final = "ecompulse.steps"


class StepUnusable(Exception):
    """An installed step cannot be run; the message names the package and what to do."""


def load_steps(found: Iterable[EntryPoint] | None = None) -> Steps:
    """Return the built-in steps, then the installed ones by name (`10-weather` runs before `20-margin`); raises `StepUnusable`.

    An entry point names a step, or a class, which is called without arguments to make a step with state.
    """
    built_in = default_steps()
    points = sorted(entry_points(group=GROUP) if found is None else found, key=lambda point: point.name)
    taken = {name: "ecompulse" for name, _ in built_in}
    own: list[tuple[str, Step]] = []
    for point in points:
        package = point.dist.name if point.dist else point.module
        if point.name in taken:
            raise StepUnusable(f"{package} and {taken[point.name]} both have a step named {point.name!r}; rename it in {package}")
        taken[point.name] = package
        own.append((point.name, _load(point, package)))
    return Steps([*built_in, *own])


def _load(point: EntryPoint, package: str) -> Step:
    remedy = f"correct {point.value!r} in its entry points ({GROUP}), or uninstall it: pip uninstall {package}"
    try:
        step = point.load()
        if inspect.isclass(step):
            step = step()
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise StepUnusable(f"the step {point.name!r} of the package {package} cannot be loaded: {why}; {remedy}") from error
    if not callable(step):
        raise StepUnusable(f"the step {point.name!r} of the package {package} is no function of (batch, context); {remedy}")
    loaded: Step = step
    return loaded
