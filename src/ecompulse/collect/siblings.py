"""Metrics of collectors that share a port: a scrape reaches any one of them, and must be told of all.

Each writes its own to a file of the data folder once a second, and the one that is asked joins them, its own as they are now. Every sample
says whose it is, so that no counter falls because a scrape, seconds later, reached another one.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FOLDER: Final = "metrics"
EVERY_SECONDS: Final = 1.0
"""How old the figures of another collector may be."""
GONE_SECONDS: Final = 5.0
"""A file that was not written for so long is that of a collector that ended without a word."""
LABEL: Final = "partition"

_SAMPLE: Final = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (.*)", re.ASCII)


class Siblings:
    """The collectors of one data folder, seen from the one of `partition`."""

    def __init__(self, data: Path, partition: int) -> None:
        self._folder, self._partition = data / FOLDER, partition
        self._own = self._folder / f"collect-{partition}.prom"

    def tell(self, text: bytes) -> None:
        """Leave one's own metrics for the others.

        Raises:
            OSError: the folder cannot be written, or the disk is full.
        """
        self._folder.mkdir(exist_ok=True)
        unfinished = self._own.with_suffix(".new")
        unfinished.write_bytes(text)
        unfinished.replace(self._own)

    def leave(self) -> None:
        """Be gone at once for the others."""
        with contextlib.suppress(OSError):  # where it stays, the others find it old in some seconds
            self._own.unlink(missing_ok=True)

    def joined(self, own: bytes) -> bytes:
        """All collectors' metrics, one's own as given, each sample with the label `partition`."""
        texts = {self._partition: own}
        for path in self._folder.glob("collect-*.prom"):
            number = path.stem.removeprefix("collect-")
            with contextlib.suppress(OSError):  # its collector ended just now
                if path != self._own and number.isdecimal() and time.time() - path.stat().st_mtime < GONE_SECONDS:
                    texts[int(number)] = path.read_bytes()
        return joined(texts)


def joined(texts: Mapping[int, bytes]) -> bytes:
    """Several collectors' metrics in Prometheus' text format as one, in which all samples of a name stand together.

    Args:
        texts: partition → what its collector says, in the same order of names.
    """
    families: dict[str, tuple[list[str], list[str]]] = {}
    for partition, text in sorted(texts.items()):
        about, samples = families.setdefault("", ([], []))
        for line in text.decode().splitlines():
            if line.startswith("# HELP "):
                about, samples = families.setdefault(line.split(" ", 3)[2], ([], []))
            if not line.startswith("#"):
                samples.append(_labelled(line, partition))
            elif line not in about:
                about.append(line)
    return "".join(f"{line}\n" for about, samples in families.values() for line in (*about, *samples)).encode()


def _labelled(sample: str, partition: int) -> str:
    found = _SAMPLE.fullmatch(sample)
    if found is None:
        return sample
    name, labels, value = found.groups("")
    return f'{name}{{{LABEL}="{partition}"{labels and ","}{labels}}} {value}'
