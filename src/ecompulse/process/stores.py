"""Which store of a data folder is the current one: `stores/<name>/`, and a pointer that is switched in one step."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

FIRST: Final = "main"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class WrongName(ValueError):
    """A name that no store can have."""


def folder_of(data: Path, name: str) -> Path:
    """The folder of the store `name`.

    Raises:
        WrongName: the name is not made of small letters, digits, - and _.
    """
    if not _NAME.fullmatch(name) or name == "current":
        raise WrongName(f"{name!r} is no name for a store: use small letters, digits, - and _, 64 at most")
    return data / "stores" / name


def current(data: Path) -> str:
    """The name of the store that is asked and filled."""
    pointer = data / "stores" / "current"
    return pointer.read_text(encoding="ascii").strip() if pointer.exists() else FIRST


def switch(data: Path, name: str) -> None:
    """Make the store `name` the current one, durably and in one step."""
    folder = data / "stores"
    fresh = folder / "current.new"
    with fresh.open("w", encoding="ascii") as pointer:
        pointer.write(f"{name}\n")
        pointer.flush()
        os.fsync(pointer.fileno())
    fresh.replace(folder / "current")
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
