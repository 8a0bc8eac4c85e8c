"""Which store of a data folder is the current one: `stores/<name>/`, and a pointer that is switched in one step.

stores/<name>/           a store
stores/current           the name of the one in use; without it, it is `main`
stores/current.next      the name of one that is being built to take its place: whole only once it is the current one
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from ecompulse.log.durable import sync

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
    _write(data / "stores" / "current", name)


def begin(data: Path, name: str) -> None:
    """Say, durably, that the store `name` is being built; call it before anything of it is there."""
    _write(data / "stores" / "current.next", name)


def finished(data: Path) -> None:
    """Say that nothing is being built any longer."""
    (data / "stores" / "current.next").unlink(missing_ok=True)


def unfinished(data: Path) -> str | None:
    """The store that is being built, or whose building was cut off; None when there is none, or it has become the current one."""
    pointer = data / "stores" / "current.next"
    name = pointer.read_text(encoding="ascii").strip() if pointer.exists() else ""
    return name if name and name != current(data) else None


def others(data: Path) -> list[str]:
    """Stores that are neither in use nor being built: what rebuilds have replaced."""
    folder = data / "stores"
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.exists() else []
    return [name for name in names if name not in (current(data), unfinished(data))]


def _write(pointer: Path, name: str) -> None:
    pointer.parent.mkdir(parents=True, exist_ok=True)
    fresh = pointer.with_name(f"{pointer.name}.new")
    with fresh.open("w", encoding="ascii") as written:
        written.write(f"{name}\n")
        written.flush()
        os.fsync(written.fileno())
    fresh.replace(pointer)
    sync(pointer.parent)
