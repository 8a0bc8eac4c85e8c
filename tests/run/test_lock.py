"""One owner at a time has a data folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ecompulse.run import lock
from ecompulse.run.errors import Refused


def test_a_second_owner_is_refused_naming_folder_and_process(tmp_path: Path) -> None:
    held = lock.take(tmp_path, "run", "Another run")
    with pytest.raises(Refused) as refused:
        lock.take(tmp_path, "run", "Another run")
    assert str(tmp_path) in refused.value.what
    assert str(os.getpid()) in refused.value.what
    os.close(held)
    os.close(lock.take(tmp_path, "run", "Another run"))


def test_different_locks_of_a_folder_do_not_hinder_each_other(tmp_path: Path) -> None:
    for descriptor in [lock.take(tmp_path, "collect-0", "a"), lock.take(tmp_path, "collect-1", "b")]:
        os.close(descriptor)


def test_the_owner_is_told_without_taking_the_lock(tmp_path: Path) -> None:
    assert lock.owner(tmp_path, "run") is None
    held = lock.take(tmp_path, "run", "Another run")
    assert lock.owner(tmp_path, "run") == os.getpid()
    os.close(held)
    assert lock.owner(tmp_path, "run") is None


def test_a_killed_owner_leaves_no_lock_behind(tmp_path: Path) -> None:
    take = f"from pathlib import Path; from ecompulse.run import lock; lock.take(Path({str(tmp_path)!r}), 'run', 'x')"
    program = f"{take}; print('taken', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"taken\n"
        assert lock.owner(tmp_path, "run") == owner.pid
        owner.kill()
    os.close(lock.take(tmp_path, "run", "Another run"))


def test_the_folder_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    lock.make_folder(tmp_path / "a" / "data")
    assert (tmp_path / "a" / "data").stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="cannot be made"):
        lock.make_folder(tmp_path / "file" / "data")
