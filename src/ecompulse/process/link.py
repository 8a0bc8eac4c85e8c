"""The files of ids of one store given to another: they are never written again, so both may have them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from ecompulse.log.durable import sync
from ecompulse.store.duckdb.carry import Durable, Standing

TRIES: Final = 20
"""A flush of the store in use may delete a file between our reading its name and linking it; the names that follow are newer."""


def link_ids(durable: Durable, theirs: Path, ours: Path) -> Standing:
    """Link the files of ids of the store in the folder `theirs` into `ours`, and return what belongs to them there.

    Raises:
        OSError: a file cannot be linked or copied.
    """
    left = TRIES
    while True:
        left -= 1
        standing = durable.standing()
        shutil.rmtree(ours / "ids", ignore_errors=True)
        (ours / "ids").mkdir()
        try:
            for name in standing.id_runs:
                _link(theirs / "ids" / name, ours / "ids" / name)
        except FileNotFoundError:
            if not left:
                raise
        else:
            sync(ours / "ids")
            return standing


def _link(existing: Path, fresh: Path) -> None:
    """A second name for a file, or a copy where the file system has no such thing."""
    try:
        os.link(existing, fresh)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(existing, fresh)
        sync(fresh)
