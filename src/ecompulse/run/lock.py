"""One owner at a time: an flock'ed file in the data folder, which the kernel gives back however its owner dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ecompulse.run.errors import Refused


def make_folder(folder: Path) -> None:
    """Make the data folder, readable by its owner only, because it holds what shoppers did.

    Raises:
        Refused: when it cannot be made or written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(
            f"The data folder {folder} cannot be made: {error.strerror}.", "Name another one: --data FOLDER or ECOMPULSE_DATA."
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Refused(
            f"The data folder {folder} cannot be written by this user.",
            f"Give it to this user (chown {os.getuid()} {folder}) or name another one.",
        )


def take(folder: Path, name: str, who: str) -> int:
    """Take the lock `<name>.lock` of a data folder; it is held until this process ends.

    Args:
        folder: the data folder, which exists.
        name: what is locked, such as run or process.
        who: how the owner is called in the error, such as "`ecompulse run`".

    Returns:
        The open file descriptor; closing it gives the lock back.

    Raises:
        Refused: when another process holds it, naming the folder and that process.
    """
    descriptor = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise Refused(
            f"{who} already works on {folder} (process {owner}).",
            f"Stop it (kill {owner}), or start this one on another folder: --data FOLDER, with other ports.",
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def owner(folder: Path, name: str) -> int | None:
    """The process that holds the lock `<name>.lock` now, or None; takes nothing."""
    try:
        descriptor = os.open(folder / f"{name}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        said = os.pread(descriptor, 32, 0).strip()
        return int(said) if said.isdigit() else None
    finally:
        os.close(descriptor)
    return None
