"""How a command ends: its exit status, and what a person is told of an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from ecompulse.run.errors import NOT_SO, Refused

INTERRUPTED = 130  # 128 + SIGINT, as shells say it
BOLD_RED, PLAIN = "\x1b[1;31m", "\x1b[0m"


def status_of(command: Callable[[], object], *, debug: bool = False) -> int:
    """Call a command and return its exit status; an error becomes a sentence, or with `debug` its traceback."""
    try:
        status = command()
    except Refused as refused:
        if debug:
            raise
        _complain(refused.what, refused.remedy)
        return refused.status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough; Python must not complain at its exit that the rest cannot be written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # the outermost frame: a person gets a sentence, --debug gets the rest
        if debug:
            raise
        _complain(f"{type(error).__name__}: {error}", "This is a defect in ecompulse, please report it; --debug shows where.")
        return NOT_SO
    return status if isinstance(status, int) else 0


def _complain(what: str, remedy: str) -> None:
    """Say what was wrong and where, then what to do; lines are not broken, so that a path or command in them can be copied."""
    on, off = (BOLD_RED, PLAIN) if sys.stderr.isatty() and not os.environ.get("NO_COLOR") else ("", "")
    print(f"{on}ecompulse: {off}{what}" + (f"\n           {remedy}" if remedy else ""), file=sys.stderr)
