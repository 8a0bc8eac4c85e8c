"""What a command or role has imported when it can answer: nothing that is heavy and not needed by then, so that a start stays short."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import free_port

IMPORTED = re.compile(r"import time:\s+\d+ \|\s+\d+ \|\s+(\S+)")  # a line of -X importtime, on standard error, where log lines are, too
NEVER = {"polars", "deltalake", "pyspark", "yaml", "maxminddb", "ua_parser", "pygments"}
COMMAND_LINE = {"cyclopts", "attrs", "rich"}
ROOMS = {"numpy", "pyarrow", "duckdb", "msgspec", "uvloop", "asyncio", "prometheus_client", "starlette", "uvicorn", "ssl"}

WITHOUT = {
    ("--help",): (NEVER | ROOMS | {"logging"}, None),
    ("run", "--help"): (NEVER | ROOMS, None),
    ("settings", "--json"): (NEVER | ROOMS | {"rich"}, None),
    ("run",): (NEVER | ROOMS | {"rich", "http.client"}, "starting"),
    ("collect", "--partition", "0", "--supervisor"): (
        NEVER | COMMAND_LINE | {"duckdb", "starlette", "uvicorn", "importlib.resources", "ecompulse.contract.fields", "ecompulse.process"},
        "listening",
    ),
    ("process", "--supervisor"): (
        NEVER | COMMAND_LINE | {"brotli", "ecompulse.collect", "ecompulse.contract.read", "ecompulse.contract.check"},
        "listening",
    ),
}
"""What a command line must have come so far without: until it said an event in the log, or ended."""


def imported(folder: Path, *arguments: str, until: str | None) -> set[str]:
    """The modules that a command has imported when it says something, or when it ends. It is ended then."""
    ports = {"ECOMPULSE_COLLECT": f"127.0.0.1:{free_port()}", "ECOMPULSE_SERVE": f"127.0.0.1:{free_port()}"}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("ECOMPULSE_")}
    found: set[str] = set()
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "ecompulse", *arguments],
        cwd=folder, env={**inherited, **ports}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if until is not None and f'"event": "{until}"' in line:
                break
            if module := IMPORTED.match(line):
                found.add(module[1])
        else:
            assert until is None, f"it never said {until}"
        process.terminate()
        process.stderr.read()
    assert "ecompulse" in found
    return found


@pytest.mark.parametrize("arguments", WITHOUT, ids=" ".join)
def test_nothing_heavy_is_imported_before_it_is_needed(arguments: tuple[str, ...], tmp_path: Path) -> None:
    without, until = WITHOUT[arguments]
    own = (str(os.getpid()),) if arguments[-1] == "--supervisor" else ()
    assert sorted(without & imported(tmp_path, *arguments, *own, until=until)) == []


def test_what_must_not_be_imported_has_its_right_name() -> None:
    optional = {"deltalake", "pyspark"}
    names = {name for without, _ in WITHOUT.values() for name in without} - optional
    assert [name for name in sorted(names) if importlib.util.find_spec(name) is None] == []
