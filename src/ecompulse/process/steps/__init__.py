"""The built-in steps, in their order."""

from __future__ import annotations

from ecompulse.process.step import Step
from ecompulse.process.steps.agent import read_agents
from ecompulse.process.steps.attribution import attribute
from ecompulse.process.steps.bots import mark_bots
from ecompulse.process.steps.clock import ClockSkew
from ecompulse.process.steps.country import locate
from ecompulse.process.steps.currency import convert_money
from ecompulse.process.steps.page import name_page


def default_steps() -> list[tuple[str, Step]]:
    """Return the built-in steps with their names; each call makes new ones, since some have state.

    The order matters in two places: a rate is that of the corrected time, and a robot's device type replaces the one its agent claims.
    """
    return [
        ("clock", ClockSkew()),
        ("agent", read_agents),
        ("bots", mark_bots),
        ("attribution", attribute),
        ("page", name_page),
        ("currency", convert_money),
        ("country", locate),
    ]
