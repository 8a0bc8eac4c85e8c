"""Peers fed the same events in the same run: QuestDB over its line protocol, its commits synced and not, and Spark from files to Parquet.

QuestDB gets the same events from the same generator over as many connections, with its own deduplication: once those with all the fields
that the shop sends, of which it keeps the usual ones, and once those with just these, so that both are sent the same. Spark reads files
of them (no HTTP, nothing to acknowledge) in a stream that leaves out repeated ids and writes Parquet. Both do less than ecompulse does
with an event, which is said beside the figures.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from bench import stock
from bench.figures import Figure, Limit
from bench.lines import TABLE
from bench.load import Load
from bench.measures.end_to_end import through
from bench.requests import Fields, Renewed, shop_events
from bench.run_of import ROOT, Setting, generate
from bench.system import Trouble, ask, free_port, running, wait_for
from bench.usual import COLUMNS

ARTIFACT: Final = "org.questdb:questdb:9.2.2"
JAR: Final = Path(os.environ.get("ECOMPULSE_BENCH_QUESTDB", stock.CACHE / "questdb-9.2.2.jar"))
SPARK: Final = Path(os.environ.get("ECOMPULSE_BENCH_SPARK", stock.CACHE / "spark-4.0.0" / "bin" / "python"))
"""A Python that has pyspark 4.0.0."""
START_SECONDS: Final = 40.0
BATCH: Final = 100
CONNECTIONS: Final = 64
SPARK_EVENTS_A_SECOND: Final = 50_000
SPARK_SECONDS_MAX: Final = 240
QUESTDB: Final = {"nosync": "without fsync", "sync": "with fsync"}
"""How QuestDB commits → in words."""
SENT: Final[dict[Fields, tuple[str, str]]] = {
    "all": ("", f"same events, of which it keeps {COLUMNS} of 49 fields"),
    "usual": (", events with the usual fields", f"same events, the same {COLUMNS} fields on both sides"),
}
"""What is sent → in words: to both, and what QuestDB has of it."""
TITLE: Final = "HTTP to a row that can be queried, acknowledged after fsync, beside"
WARM_SECONDS: Final = 3.0
"""Before it is measured: Java compiles what runs often."""


def peers(setting: Setting) -> list[Figure]:
    """Ours and QuestDB in turn, then Spark; the figure is ours, and its limit the peer's, both in the middle of the rounds."""
    ours: dict[Fields, list[float]] = {fields: [] for fields in SENT}
    theirs: dict[tuple[Fields, str], list[float]] = {(fields, mode): [] for fields in SENT for mode in QUESTDB}
    with contextlib.ExitStack() as until:
        system = until.enter_context(running(setting.folder / "ours", collectors=1))
        ports = {mode: until.enter_context(_questdb(setting.folder / mode, mode)) for mode in QUESTDB}
        for port in ports.values():
            ask_sql(port, TABLE)
            _theirs(port, WARM_SECONDS, 99, "all")
        for turn, fields in itertools.product(range(setting.rounds), SENT):
            ours[fields].append(through(system, setting.seconds, turn, fields)[0])
            for mode, port in ports.items():
                theirs[fields, mode].append(_theirs(port, setting.seconds, turn, fields))
    figures = []
    for (fields, mode), rounds in theirs.items():
        words, sent = SENT[fields]
        limit = Limit(f"QuestDB 9.2.2 {QUESTDB[mode]} in the same run, same load and connections, {sent}", statistics.median(rounds))
        detail = {"rounds": [round(one) for one in ours[fields]], "limit_rounds": [round(one) for one in rounds]}
        title = f"{TITLE} QuestDB {QUESTDB[mode]}{words}"
        name = f"beside-questdb-{mode}" if fields == "all" else f"beside-questdb-{mode}-{fields}"
        figures.append(Figure(name, title, statistics.median(ours[fields]), "events/s", limit, detail))
    return [*figures, _beside_spark(setting, f"{TITLE} Spark", statistics.median(ours["all"]))]


def _theirs(port: int, seconds: float, seed: int, fields: Fields) -> float:
    before = _rows(port)
    sent = generate(Load([port], CONNECTIONS, seconds, BATCH, seed=seed, fields=fields, form="line"))
    started = time.perf_counter() - sent.seconds
    if sent.failed:
        raise Trouble(f"QuestDB did not take {sent.failed} requests")
    wait_for(lambda: _rows(port) >= before + sent.events, 60, "every row of QuestDB being there", 0.01)
    return sent.events / (time.perf_counter() - started)


def _beside_spark(setting: Setting, title: str, ours: float) -> Figure:
    folder, count = setting.folder / "spark", int(SPARK_EVENTS_A_SECOND * setting.seconds)
    _files(folder / "warm", 20_000, 1)
    _files(folder / "events", count, 2)
    if not SPARK.exists():
        _fetch_spark()
    command = [str(SPARK), str(ROOT / "bench" / "spark_job.py"), str(folder)]
    done = subprocess.run(
        command, capture_output=True, check=False, timeout=SPARK_SECONDS_MAX, env={**os.environ, "PYSPARK_PYTHON": str(SPARK)}
    )
    if done.returncode:
        raise Trouble(f"Spark failed: {done.stderr.decode(errors='replace')[-1500:]}")
    told = msgspec.json.decode(done.stdout.splitlines()[-1])
    if told["rows"] != count - count // 100:
        raise Trouble(f"Spark wrote {told['rows']:,} rows of {count:,} events, a hundredth of them sent twice")
    limit = Limit("Spark 4.0.0, local[2], warm: files to Parquet, repeated ids left out, nothing else", count / told["seconds"])
    return Figure("beside-spark", title, ours, "events/s", limit, {"spark_events": count, **told})


def _files(folder: Path, count: int, seed: int) -> None:
    """Events as files of 20,000 lines, a hundredth of them sent twice."""
    folder.mkdir(parents=True)
    source = Renewed(shop_events(4_000), seed=seed)
    lines = [bytes(next(source)).partition(b"\r\n\r\n")[2] for _ in range(count - count // 100)]
    lines += lines[: count // 100]
    for at in range(0, count, 20_000):
        (folder / f"{at:09}.json").write_bytes(b"\n".join(lines[at : at + 20_000]) + b"\n")


def _rows(port: int) -> int:
    return int(ask_sql(port, "select count() from events")["dataset"][0][0])


def ask_sql(port: int, sql: str) -> Any:
    """QuestDB's answer to a statement."""
    return ask(port, "GET", f"/exec?{urllib.parse.urlencode({'query': sql})}")


@contextlib.contextmanager
def _questdb(folder: Path, mode: str) -> Iterator[int]:
    if shutil.which("java") is None:
        raise Trouble("QuestDB needs Java 17; on Debian and Ubuntu: apt-get install openjdk-17-jre-headless")
    if not JAR.exists():
        _fetch()
    port = free_port()
    (folder / "conf").mkdir(parents=True)
    off = ("pg.enabled=false", "line.tcp.enabled=false", "http.min.enabled=false", "telemetry.enabled=false")
    settings = [f"http.bind.to=127.0.0.1:{port}", f"cairo.commit.mode={mode}", *off]
    (folder / "conf" / "server.conf").write_text("\n".join(settings) + "\n", encoding="utf-8")
    command = ["java", "-p", str(JAR), "-m", "io.questdb/io.questdb.ServerMain", "-d", str(folder)]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _answers(port), START_SECONDS, "QuestDB answering", 0.05)
        yield port
    finally:
        server.terminate()
        server.wait(20)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        return bool(ask_sql(port, "select 1"))
    return False


def _fetch() -> None:
    """Bring the jar by Maven, from wherever Maven is told to look."""
    if shutil.which("mvn") is None:
        raise Trouble(f"{JAR} is not there; install Maven, or put the jar of {ARTIFACT} there")
    JAR.parent.mkdir(parents=True, exist_ok=True)
    command = ["mvn", "-q", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={JAR.parent}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _fetch_spark() -> None:
    """Make an environment with pyspark, 480 MB, from wherever pip is told to look."""
    if shutil.which("java") is None:
        raise Trouble("Spark needs Java 17; on Debian and Ubuntu: apt-get install openjdk-17-jre-headless")
    home = SPARK.parent.parent
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    subprocess.run([str(SPARK), "-m", "pip", "install", "--quiet", "pyspark==4.0.0"], check=True)
