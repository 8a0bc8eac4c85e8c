"""What a run takes of its machine: its processes and the size of its folders."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, Final

PS_TIMEOUT_SECONDS: Final = 2.0


def folder_bytes(folder: Path) -> int:
    """Bytes of the files in a folder and below; a file that goes away meanwhile counts nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).stat().st_size
            except FileNotFoundError:
                continue
    return total


def processes() -> list[dict[str, Any]]:
    """The processes of this run, this one among them: those that share its process group, as `ps` sees them."""
    try:
        listed = subprocess.run(
            ["ps", "-eo", "pid=,pgid=,rss=,etime=,args="], capture_output=True, text=True, timeout=PS_TIMEOUT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return [{"name": "process", "status": "running", "pid": os.getpid(), "uptime_seconds": None, "memory_bytes": None}]
    rows = [line.split(None, 4) for line in listed.stdout.splitlines()]
    group = str(os.getpgrp())
    return [
        {
            "name": _role(row[4]),
            "status": "running",
            "pid": int(row[0]),
            "uptime_seconds": _seconds(row[3]),
            "memory_bytes": int(row[2]) * 1024,
        }
        for row in rows
        if len(row) == 5 and row[1] == group and "ecompulse" in row[4]
    ]


def _role(command: str) -> str:
    """The role in a command line: the word after ecompulse, with its partition."""
    words = command.split()
    after = next((words[n + 1 :] for n, word in enumerate(words[:-1]) if word.rsplit("/", 1)[-1] == "ecompulse"), words)
    role = after[0] if after else command
    return f"{role} {after[after.index('--partition') + 1]}" if "--partition" in after[:-1] else role


def _seconds(elapsed: str) -> int:
    """Seconds of `ps`'s [[days-]hours:]minutes:seconds."""
    days, _, clock = elapsed.rpartition("-")
    seconds = 0
    for part in clock.split(":"):
        seconds = seconds * 60 + int(part)
    return seconds + int(days or 0) * 86_400
