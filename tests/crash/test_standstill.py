"""A role that stands still, as on a machine that swaps or a paused container, loses nothing and goes on when it may."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from tests.conftest import RunningSystem
from tests.crash.account import Sending, load, progress, sent_in
from tests.crash.conftest import SETTINGS
from tests.crash.harness import each_is_there_once

STILL_SECONDS = 22.0
"""Longer than all that is waited for in the code while a request or a file is under way: a body (20 s), the head of a request and an answer
to these clients (10 s), a question (10 s), a lock of SQLite's (5 s), the supervisor's longest pause (5 s), a stop (4.7 s). Idle connections
(75 s, and 30 s at the API) and the grace of a replaced store (60 s) are crossed by the soak, in which a standstill takes a minute."""


def test_a_role_that_stands_still_past_every_time_limit_loses_nothing(make_system: Callable[..., RunningSystem]) -> None:
    """Three systems, in each of which another role stands still, because one after the other would take three times as long."""
    systems = {role: make_system(**SETTINGS).start() for role in ("collect", "process", "run")}
    collect, process, run = systems["collect"], systems["process"], systems["run"]
    few = Sending(senders=1)
    with (
        load(collect, seed=1, sending=few) as of_collect,
        load(process, seed=2, sending=few) as of_process,
        load(run, seed=3, sending=few) as of_run,
    ):
        accounts = {"collect": of_collect, "process": of_process, "run": of_run}
        for account in accounts.values():
            progress(account)
        stopped = [system.pid if role == "run" else system.role(role) for role, system in systems.items()]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        assert sent_in(STILL_SECONDS, of_process) > 1_000, "the door does not wait for processing"
        assert len(of_run.acknowledged) > 1_000, "the roles do not wait for the supervisor"
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        for account in accounts.values():
            progress(account)
        assert [system.pid if role == "run" else system.role(role) for role, system in systems.items()] == stopped, "a role was replaced"
    for role, system in systems.items():
        each_is_there_once(system, accounts[role])
