"""The one error that a command shows to a person: what was wrong, where, and what to do."""

from __future__ import annotations

NOT_SO = 1
USED_WRONGLY = 2


class Refused(Exception):
    """A command cannot do what was asked.

    Args:
        what: what was wrong and where, one sentence.
        remedy: what to do about it, one sentence or a command.
        status: the exit status; 2 when the command was used wrongly, 1 when something is not as it should be.
    """

    def __init__(self, what: str, remedy: str = "", status: int = USED_WRONGLY) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.status = status
