"""Postgres takes the table that is made for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecompulse.contract.columns import STORED
from ecompulse.contract.ddl import postgres_events

Psql = Callable[..., "subprocess.CompletedProcess[str]"]
NEEDED = "Postgres is needed: apt-get install postgresql, or set ECOMPULSE_TEST_POSTGRES to the URL of a database"


@pytest.fixture(scope="module")
def psql() -> Iterator[Psql]:
    """Runs one statement and gives its rows, a line each: on a server of our own, or on that of ECOMPULSE_TEST_POSTGRES."""
    given = os.environ.get("ECOMPULSE_TEST_POSTGRES")
    if given:
        yield _asking(["psql", given])
        return
    found = shutil.which("pg_ctl") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")), None)
    assert found is not None, NEEDED
    programs = Path(found).resolve().parent
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # the path of a socket may have 107 bytes only
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # the server refuses to run as root
    if as_user:
        shutil.chown(folder, "postgres")
    options = f"-k {folder} -c listen_addresses= -c fsync=off"

    def run(*command: str) -> None:
        subprocess.run([*as_user, *command], cwd=folder, check=True, capture_output=True, timeout=60)

    try:
        run(str(programs / "initdb"), "-D", str(folder / "data"), "-U", "tester", "--auth=trust", "--no-sync")
        run(str(programs / "pg_ctl"), "-D", str(folder / "data"), "-o", options, "-l", str(folder / "log"), "-w", "start")
        yield _asking([str(programs / "psql"), "-h", str(folder), "-U", "tester", "postgres"])
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            run(str(programs / "pg_ctl"), "-D", str(folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(folder)


def _asking(command: list[str]) -> Psql:
    def ask(sql: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql], capture_output=True, text=True, check=check, timeout=30
        )

    return ask


def test_it_has_every_column_in_order_and_counts_an_event_once(psql: Psql) -> None:
    schema = "create schema contract_test; set search_path = contract_test;"
    psql(f"{schema} {postgres_events()}; {postgres_events()}")
    try:
        asked = "select column_name, data_type, is_nullable from information_schema.columns where table_schema = 'contract_test'"
        rows = [line.split("|") for line in psql(f"{asked} order by ordinal_position").stdout.splitlines()]
        assert [name for name, _, _ in rows] == STORED.names
        assert [nullable == "YES" for _, _, nullable in rows] == [field.nullable for field in STORED]
        values = {field.name: "'x'" for field in STORED if not field.nullable}
        values |= {
            "event_id": "'0198c1f2-7a3b-7c4d-8e5f-60718293a4b5'",
            "filled": "3",
            "is_bot": "false",
            "log_partition": "0",
            "log_offset": "7",
        }
        values |= dict.fromkeys(("timestamp", "received_at", "device_timestamp"), "'2026-01-31T12:00:00.123456Z'")
        values |= {"fingerprint": str(2**64 - 1), "total": "99999999999999.9999", "properties": """'{"a": [1, "é"]}'""", "items": "'[]'"}
        names = ", ".join(f'"{name}"' for name in values)
        insert = f"insert into contract_test.events ({names}) values ({', '.join(values.values())})"
        psql(insert)
        kept = "select fingerprint, total, properties->'a'->>1, extract(microseconds from timestamp) from contract_test.events"
        assert psql(kept).stdout.split() == [f"{2**64 - 1}|99999999999999.9999|é|123456"]
        again = psql(insert, check=False)
        assert "duplicate key" in again.stderr
    finally:
        psql("drop schema contract_test cascade")
