"""A role that dies is started again, with backoff, and none outlives its supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from tests.conftest import wait_until

from ecompulse.run import child as subject
from ecompulse.run.child import Child, backoff_seconds


def test_the_first_restart_is_immediate_then_the_pause_doubles_up_to_five_seconds() -> None:
    assert [backoff_seconds(n) for n in range(1, 9)] == [0.0, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert backoff_seconds(10_000) == 5.0


def ended_child(status: int, failures: int = 0, lived_seconds: float = 1.0, *, forever: bool = True) -> tuple[Child, float]:
    child = Child("x", ("x",), forever=forever, failures=failures)
    child.process = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({status})"])
    child.process.wait()
    now = time.monotonic()
    child.started_at = now - lived_seconds
    return child, now


def test_a_role_that_keeps_failing_waits_longer_each_time() -> None:
    child, now = ended_child(1, failures=2)
    assert child.ended(now) == 1
    assert child.restart_at == pytest.approx(now + 0.4)
    assert child.process is None
    assert child.ended(now) is None, "an end is told once"


def test_a_role_that_lived_long_is_restarted_at_once() -> None:
    child, now = ended_child(1, failures=7, lived_seconds=31)
    child.ended(now)
    assert (child.failures, child.restart_at) == (1, now)


@pytest.mark.parametrize(("status", "forever", "done"), [(0, False, True), (1, False, False), (0, True, False)])
def test_only_a_sender_that_ended_well_is_done(status: int, forever: bool, done: bool) -> None:
    child, now = ended_child(status, forever=forever)
    child.ended(now)
    assert child.done is done


PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", '''
import os, signal, sys
from ecompulse.run.child import die_with
{setup}
die_with(int(sys.argv[1]))
print(os.getpid(), flush=True)
signal.pause()
''', str(os.getpid())])
child.wait()
"""


def is_alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout.strip()
    return bool(state) and "Z" not in state


@pytest.mark.parametrize("setup", ["", "sys.platform = 'darwin'"], ids=["told by the kernel", "by looking, as on macOS"])
def test_a_role_dies_with_a_supervisor_that_is_killed(setup: str) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT.format(setup=setup)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        role = int(parent.stdout.readline())
        assert is_alive(role)
        parent.kill()
        wait_until(lambda: not is_alive(role), what="the role's death")


def test_a_role_whose_supervisor_is_gone_already_ends() -> None:
    program = "from ecompulse.run.child import die_with; die_with(1 << 22); print('lives')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"")


def test_a_supervised_role_leaves_ctrl_c_to_its_supervisor() -> None:
    program = (
        "import os, signal; from ecompulse.run.child import die_with; die_with(os.getppid());"
        "os.kill(os.getpid(), signal.SIGINT); print('drains in its turn')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=20, check=False)
    assert done.stdout == b"drains in its turn\n", done.stderr


def test_a_child_is_started_as_the_same_program_told_of_its_supervisor() -> None:
    child = Child("settings", ("settings", "--help"))
    child.start({**os.environ, "PYTHONPATH": "src"})
    assert child.process is not None
    assert child.process.args == [sys.executable, "-m", "ecompulse", "settings", "--help", "--supervisor", str(os.getpid())]
    child.process.wait()
    assert subject.HEALTHY_AFTER_SECONDS > subject.LAST_BACKOFF_SECONDS
