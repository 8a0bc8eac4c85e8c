"""Ids on a disk with some room, but not enough: an error that can be waited out, and not the end of the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.disk.harness import fill, small_disk

WRITE = """
import sys, numpy as np
from pathlib import Path
from ecompulse.process.identify import Ids
folder = Path(sys.argv[1])
ids = Ids(folder)
ids.classify(np.random.default_rng(1).bytes(16 * 10_000), np.ones(10_000, np.uint64))
ids.freeze()
try:
    ids.write()
except OSError as error:
    print(error)
(folder.parent / "filler").unlink()
print(len(ids.write()), "run,", len(list(folder.iterdir())), "file")
"""


def test_ids_that_find_no_room_are_written_when_there_is_some(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2) as disk:
        (disk / "ids").mkdir()
        fill(disk, leave=100_000)  # 240 kB are needed
        done = subprocess.run([sys.executable, "-c", WRITE, str(disk / "ids")], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr)
    told, written = done.stdout.splitlines()
    assert "10000 ids could not be written: No space left" in told
    assert written == "1 run, 1 file"
