"""A peer fed the same rows: QuestDB, by its line protocol over HTTP, with its own deduplication, and a commit that is synced like ours."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from bench.figures import Figure, Limit
from bench.load import Load
from bench.measures.end_to_end import drained, stored
from bench.requests import shop_events, uuid_texts
from bench.run_of import Setting, generate
from bench.system import Trouble, ask, free_port, running, wait_for

ARTIFACT: Final = "org.questdb:questdb:9.2.2"
JAR: Final = Path(os.environ.get("ECOMPULSE_BENCH_QUESTDB", Path.home() / ".cache" / "ecompulse-bench" / "questdb-9.2.2.jar"))
START_SECONDS: Final = 40.0
BATCH: Final = 100
CONNECTIONS: Final = 16
SYMBOLS: Final = ("event_type", "source", "platform")
TEXTS: Final = (
    "user_id",
    "anonymous_id",
    "session_id",
    "page_url",
    "page_title",
    "referrer",
    "user_agent",
    "product_id",
    "product_name",
    "query",
)
TABLE: Final = (
    "create table events (event_type symbol, source symbol, platform symbol, event_id uuid, "
    + ", ".join(f"{name} varchar" for name in TEXTS)
    + ", price double, total double, ts timestamp) timestamp(ts) partition by day wal dedup upsert keys(ts, event_id)"
)


def peers(setting: Setting) -> list[Figure]:
    """Rows a second that QuestDB takes until they can be queried, synced and not, beside ours in the same run."""
    with running(setting.folder / "ours", collectors=2) as system:
        began = time.perf_counter()
        sent = generate(Load([system.collect], 64, setting.seconds, BATCH))
        drained(system)
        ours = stored(system) / (time.perf_counter() - began)
    figures = []
    for mode, title in (
        ("sync", "QuestDB 9.2.2, each commit synced, to rows that can be queried"),
        ("nosync", "QuestDB 9.2.2 without sync"),
    ):
        with _questdb(setting.folder / mode, mode) as port:
            ask_sql(port, TABLE)
            count, seconds = _fed(port, setting.seconds)
        limit = Limit("ecompulse with two collectors, acknowledged after fsync, in the same run", ours)
        figures.append(
            Figure(f"questdb-{mode}", title, count / seconds, "events/s", limit, {"events": count, "ours_acknowledged": sent.events})
        )
    return figures


def _fed(port: int, seconds: float) -> tuple[int, float]:
    """Rows sent over some connections until the time is up, and how long it took until all could be queried."""
    lines = [_line(msgspec.json.decode(event)) for event in shop_events(64 * BATCH)]
    bodies = [lines[start : start + BATCH] for start in range(0, len(lines), BATCH)]
    began = time.perf_counter()

    def send(number: int) -> int:
        random, sent = np.random.default_rng(number), 0
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while time.perf_counter() - began < seconds:
            ids = uuid_texts(random, BATCH, 7, time.time_ns() // 1_000_000)
            now = time.time_ns() // 1_000
            body = b"".join(
                before + ids[at].tobytes() + after + b" %d\n" % (now + at)
                for at, (before, after) in enumerate(bodies[sent // BATCH % len(bodies)])
            )
            connection.request("POST", "/write?precision=u", body)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 204:
                raise Trouble(f"QuestDB answered {answer.status}")
            sent += BATCH
        connection.close()
        return sent

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        count = sum(threads.map(send, range(CONNECTIONS)))
    wait_for(lambda: ask_sql(port, "select count() from events")["dataset"][0][0] >= count, 60, "every row of QuestDB being there", 0.02)
    return count, time.perf_counter() - began


def _line(event: dict[str, Any]) -> tuple[bytes, bytes]:
    """An event in line protocol, before and after its id."""
    values = {**event.get("properties", {}), **event.get("metadata", {}), **{k: v for k, v in event.items() if isinstance(v, str)}}
    tags = "".join(f",{name}={_escaped(values[name])}" for name in SYMBOLS if values.get(name))
    texts = "".join(f',{name}="{str(values[name]).replace(chr(34), chr(92) + chr(34))}"' for name in TEXTS if values.get(name))
    numbers = "".join(f",{name}={float(values[name])}" for name in ("price", "total") if values.get(name) is not None)
    return f'events{tags} event_id="'.encode(), f'"{texts}{numbers}'.encode()


def _escaped(text: str) -> str:
    return text.replace(" ", "\\ ").replace(",", "\\,").replace("=", "\\=")


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
