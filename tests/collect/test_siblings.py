"""Several collectors share a port: whichever a scrape reaches tells of all of them."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ecompulse.collect.siblings import FOLDER, GONE_SECONDS, Siblings, joined

PROGRAM = """
import sys
from pathlib import Path
from ecompulse.collect.service import Config, serve
data, port, partition = sys.argv[1:]
sys.exit(serve(Config(data=Path(data), port=int(port), partition=int(partition), collectors=2)))
"""

TEXT = b"""# HELP sent_total What was sent.
# TYPE sent_total counter
sent_total{route="/v1/events",status="202"} 3.0
# HELP open Connections.
# TYPE open gauge
open 2.0
"""

BOTH = b"""# HELP sent_total What was sent.
# TYPE sent_total counter
sent_total{partition="0",route="/v1/events",status="202"} 3.0
sent_total{partition="1",route="/v1/events",status="202"} 4.0
# HELP open Connections.
# TYPE open gauge
open{partition="0"} 2.0
open{partition="1"} 2.0
"""


def samples(text: bytes) -> dict[tuple[str, frozenset], float]:
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(text.decode())
        for one in family.samples
    }


def test_each_sample_says_whose_it_is_and_each_name_stands_once():
    assert joined({1: TEXT.replace(b" 3.0", b" 4.0"), 0: TEXT}) == BOTH


def test_a_label_with_braces_and_spaces_stays_whole():
    text = b'# HELP a b\n# TYPE a gauge\na{path="/x {y} z",k="} 1"} 1.0\n'
    assert samples(joined({0: text})) == {("a", frozenset({("path", "/x {y} z"), ("k", "} 1"), ("partition", "0")})): 1.0}


def test_one_that_has_ended_is_told_of_no_more(tmp_path):
    mine, silent, gone = Siblings(tmp_path, 0), Siblings(tmp_path, 1), Siblings(tmp_path, 2)
    silent.tell(TEXT)
    gone.tell(TEXT)
    gone.leave()
    assert {dict(labels)["partition"] for _, labels in samples(mine.joined(TEXT))} == {"0", "1"}
    long_ago = time.time() - GONE_SECONDS - 1
    os.utime(tmp_path / FOLDER / "collect-1.prom", (long_ago, long_ago))
    assert {dict(labels)["partition"] for _, labels in samples(mine.joined(TEXT))} == {"0"}


def test_what_one_left_of_itself_does_not_count_twice(tmp_path):
    mine = Siblings(tmp_path, 0)
    mine.tell(TEXT)
    later = TEXT.replace(b" 3.0", b" 5.0")
    assert mine.joined(later) == joined({0: later})


@pytest.fixture
def port(tmp_path: Path):
    """A port that two collectors of one folder share."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    begun = [subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path), str(number), str(n)]) for n in range(2)]
    yield number
    for one in begun:
        one.kill()
        one.wait()


def get(port: int, method: str, path: str, body: str | None = None) -> bytes:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    client.request(method, path, body)
    answer = client.getresponse().read()
    client.close()
    return answer


def test_every_scrape_counts_the_events_of_all(port, tmp_path):
    def received() -> dict[str, float]:
        counted: dict[str, float] = {}
        for (name, labels), value in samples(get(port, "GET", "/metrics")).items():
            if name == "ecompulse_collect_events_total":
                counted[dict(labels)["partition"]] = counted.get(dict(labels)["partition"], 0) + value
        return counted

    def until(condition, what: str) -> None:
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end, what
            threading.Event().wait(0.05)

    until(lambda: len(list(tmp_path.glob(f"{FOLDER}/collect-*.prom"))) == 2, "both tell of themselves")
    for number in range(40):  # new connections: the system gives some to each
        get(port, "POST", "/v1/events", f'{{"event_type": "custom", "user_id": "u{number}", "properties": {{"name": "n"}}}}')
    until(lambda: all(sum(received().values()) == 40 for _ in range(20)), "all events are in every scrape, whichever answers")
    assert set(received()) == {"0", "1"}
