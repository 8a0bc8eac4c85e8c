"""Flame graphs of each role under load: `python -m bench.profiles [seconds]` writes docs/images/profiles/<role>.svg with py-spy.

py-spy must be allowed to look at other processes (root, or `kernel.yama.ptrace_scope=0`).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from bench.load import Load
from bench.run_of import ROOT, generate
from bench.system import running

OUT: Final = ROOT / "docs" / "images" / "profiles"
RATE: Final = 200
"""Samples a second: enough for a picture, and less than a hundredth of a core."""
BATCHES: Final = Load([], connections=64, seconds=0, size=100)
SINGLES: Final = Load([], connections=256, seconds=0, size=1)


def main(seconds: int) -> None:
    """Record every role under batches, and the collector under single events, too."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        for kind, load in (("batches", BATCHES), ("singles", SINGLES)):
            with running(Path(name) / kind) as system, ThreadPoolExecutor() as threads:
                sending = threads.submit(generate, Load([system.collect], load.connections, seconds + 2.0, load.size))
                roles = {role.split()[0]: pid for role, pid in system.processes().items() if role.split()[0] in ("collect", "process")}
                recordings = {role: threads.submit(_record, pid, seconds, Path(name) / f"{role}-{kind}") for role, pid in roles.items()}
                for role, recording in recordings.items():
                    recording.result()
                    _say(Path(name) / f"{role}-{kind}")
                    if kind == "batches" or role == "collect":
                        drawn = (Path(name) / f"{role}-{kind}").with_suffix(".svg").read_text(encoding="utf-8")
                        (OUT / f"{role}-{kind}.svg").write_text(_TITLE.sub(f">{role}, {kind}<", drawn), encoding="utf-8")
                sending.result()


_TITLE = re.compile(r">[^<>]*py-spy record[^<>]*<")
"""py-spy's title is its command line, with the paths of the machine that it ran on."""


def _record(pid: int, seconds: int, out: Path) -> None:
    for form, suffix in (("raw", ".txt"), ("flamegraph", ".svg")):
        command = ["py-spy", "record", "--pid", str(pid), "--rate", str(RATE), "--duration", str(max(1, seconds // 2)), "--format", form]
        program = Path(sys.executable).with_name("py-spy")
        subprocess.run([str(program), *command[1:], "--threads", "--output", str(out.with_suffix(suffix))], check=True, capture_output=True)


def _say(out: Path) -> None:
    """Print the functions that were found running most often, by their own time and with what they called."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    total = 0
    for line in out.with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        stack, _, samples = line.rpartition(" ")
        count = int(samples)
        frames = [re.sub(r":\d+\)$", ")", frame) for frame in stack.split(";")]
        total += count
        own[frames[-1]] += count
        for frame in set(frames):
            whole[frame] += count
    sys.stdout.write(f"\n{out.name}: {total} samples of running threads\n")
    for title, counts in (("own", own), ("with what it calls", whole)):
        for frame, found in counts.most_common(25):
            sys.stdout.write(f"  {title:20} {found / total:6.1%} {frame}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
