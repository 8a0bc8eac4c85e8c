"""What every handler is given: the seams of the run, and the threads that may block."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from ecompulse.serve.live import Live
from ecompulse.serve.state import ServeState
from ecompulse.serve.workers import Workers

QUESTION_THREADS: Final = 4
QUESTIONS_WAITING: Final = 60
"""A page asks a dozen at once; five readers who open it together are still answered."""
QUERY_THREADS: Final = 2
QUERIES_WAITING: Final = 6


@dataclass(frozen=True, slots=True)
class Api:
    """The state of a served API; `live` is the one computation behind all live streams."""

    state: ServeState
    live: Live
    questions: Workers = field(default_factory=lambda: Workers("questions", QUESTION_THREADS, QUESTIONS_WAITING))
    queries: Workers = field(default_factory=lambda: Workers("queries", QUERY_THREADS, QUERIES_WAITING))

    def close(self) -> None:
        """End the live streams and take no more work."""
        self.live.close()
        self.questions.close()
        self.queries.close()

    def wait(self, seconds: float) -> None:
        """After `close`: wait for the work that was begun, but no longer than that."""
        end = time.monotonic() + seconds
        for workers in (self.live.workers, self.questions, self.queries):
            workers.wait(max(0.0, end - time.monotonic()))
