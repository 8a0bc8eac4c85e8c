"""What an asker can get wrong, each with the words that say what to change."""

from __future__ import annotations


class WrongParameter(ValueError):
    """A parameter that cannot be understood; names it."""

    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(f"Parameter '{parameter}': {detail}")
        self.parameter = parameter


class Refused(ValueError):
    """SQL that may not be run here; says what in it, and why."""
