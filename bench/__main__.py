"""`make bench`: measures, and says how it compares.

ONLY=single measures one subject; SECONDS=2 is a short run; PEERS=1 asks QuestDB and Spark, too. What takes long is only done when it is
asked for: SIZE=10 or 100 million events for `questions`, SIZES=1,10,100 for ONLY=growth, AFTER=50 million ids for `duplicates`,
MINUTES=60 and RATE=100000 for `memory`, ONLY=recovery for ten million events behind a kill (with the others it is one million).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from bench import machine, report
from bench.measures import MEASURES
from bench.run_of import Setting
from bench.system import Trouble


def main() -> int:
    """Run what was asked for; returns 1 when a measurement could not be taken. A figure that falls short is marked, and is no failure."""
    if arguments := sys.argv[1:]:  # it takes none: what is asked for stands in the environment
        helped = arguments in (["-h"], ["--help"])
        print(__doc__, f"Measures: {', '.join(MEASURES)}.", sep="\n", file=sys.stdout if helped else sys.stderr)
        return 0 if helped else 2
    only = [name for name in os.environ.get("ONLY", "").replace(",", " ").split() if name]
    if unknown := sorted(set(only) - set(MEASURES)):
        print(f"bench: there is no measure {unknown[0]!r}; there are {', '.join(MEASURES)}", file=sys.stderr)
        return 2
    left_out = {"growth", *(() if os.environ.get("PEERS") else ("peers",))}
    chosen = {name: measure for name, measure in MEASURES.items() if name in only or (not only and name not in left_out)}
    if not only:  # ten million events take minutes, and all of it shall take ten at most: ONLY=recovery takes them
        os.environ.setdefault("EVENTS", "1000000")
    failed, started = False, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ecompulse-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        seconds = float(os.environ.get("SECONDS", "5"))
        results = report.Results(machine.describe(folder), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), seconds, [], {})
        for subject, measure in chosen.items():
            began = time.monotonic()
            print(f"measuring {subject} …", file=sys.stderr, flush=True)
            (folder / subject).mkdir()
            try:
                taken = {
                    "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                    "load_average": round(os.getloadavg()[0], 2),
                    "loop_ms": machine.loop_ms(),
                }
                figures = measure(Setting(folder / subject, seconds))
                results.figures += [msgspec.structs.replace(figure, detail={**figure.detail, **taken}) for figure in figures]
            except Exception as trouble:  # noqa: BLE001 — one measure that fails must not cost the others
                failed = True
                results.troubles[subject] = str(trouble) if isinstance(trouble, Trouble) else repr(trouble)
                print(f"{subject}: {trouble}", file=sys.stderr)
            print(f"  {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(f"all of it took {time.monotonic() - started:.0f} s", file=sys.stderr)
    results.machine["load_average_after"] = [round(load, 2) for load in os.getloadavg()]
    report.save(results)
    report.show(results)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
