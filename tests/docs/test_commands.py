"""Every command of the shop developer's page does what the page says, with a real system."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import RunningSystem

from ecompulse.collect.body import BODY_LIMIT
from ecompulse.contract.event import ITEMS_LIMIT, LONG_TEXT_LIMIT, NESTING_LIMIT, REST_LIMIT, STACK_LIMIT, TEXT_LIMIT

PAGE = Path(__file__).resolve().parents[2] / "docs" / "shop-developer.md"
COLLECT, SERVE = "http://127.0.0.1:8080", "http://127.0.0.1:8081"
STATUS = "\nstatus "
CURLRC = """silent
show-error
write-out = "\\nstatus %{http_code}"
"""
"""Makes curl write the answer's status behind it."""


def commands(page: str) -> list[tuple[str, str]]:
    """Each command of the page's console blocks, and what the page says that it prints (empty: nothing is promised)."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            end = next(index for index in range(1, len(lines) + 1) if complete("\n".join(lines[:index])))
            found.append(("\n".join(lines[:end]), "\n".join(lines[end:])))
    return found


def complete(text: str) -> bool:
    """Whether a shell would not ask for another line."""
    return not text.endswith("\\") and text.count("'") % 2 == 0


def test_a_command_ends_where_its_last_quotation_does() -> None:
    page = "```console\n$ one 'a\n  b'\nsaid\n$ two \\\n  c\n```\n"
    assert commands(page) == [("one 'a\n  b'", "said"), ("two \\\n  c", "")]


@pytest.mark.slow
def test_every_command_of_the_page_does_what_it_says(running_system: RunningSystem) -> None:
    folder = running_system.folder
    (folder / ".curlrc").write_text(CURLRC)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**running_system.environment, "CURL_HOME": str(folder), "PATH": path, "NO_COLOR": "1"}
    asked = commands(PAGE.read_text(encoding="utf-8"))
    assert len(asked) > 15
    wrong = []
    for command, promised in asked:
        here = command.replace(COLLECT, running_system.door).replace(SERVE, running_system.api)
        done = subprocess.run(["bash", "-c", here], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
        said, _, status = done.stdout.rpartition(STATUS) if STATUS in done.stdout else (done.stdout, "", "")
        fulfilled = same(said, promised) if promised else not status or int(status) < 400
        if done.returncode or not fulfilled:
            wrong.append(f"{command}\n  exit {done.returncode}, status {status}: {said}{done.stderr}")
    assert not wrong, "\n".join(wrong)


def same(said: str, promised: str) -> bool:
    """Whether two texts are the same JSON, or the same words."""
    try:
        return bool(json.loads(said) == json.loads(promised))
    except json.JSONDecodeError:
        return said.split() == promised.split()


def test_the_limits_of_the_page_are_those_that_are_checked() -> None:
    page = PAGE.read_text(encoding="utf-8")
    told = [f"| {limit:,} characters |" for limit in (TEXT_LIMIT, LONG_TEXT_LIMIT, STACK_LIMIT)]
    told += [
        f"| body | {BODY_LIMIT // 1_000_000} MB",
        f"| lines of a purchase | {ITEMS_LIMIT} |",
        f"| {REST_LIMIT:,} bytes",
        f"{NESTING_LIMIT} levels",
    ]
    assert [limit for limit in told if limit not in page] == []


def test_the_page_names_no_address_but_its_own() -> None:
    addresses = set(re.findall(r"https?://[^/\s`'\")]+", PAGE.read_text(encoding="utf-8")))
    assert addresses <= {COLLECT, SERVE, "https://shop.example"}
