"""Chromium, a page in it, and a shop with known events for the browser tests."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.conftest import wait_until
from tests.serve.browser.shoppers import crowd

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 20_000  # two cores with a whole system beside the browser

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's Chromium: Playwright's own download is not to be had everywhere."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("There is no Chromium. Install it: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages in contexts of their own; a script error or a refused resource in any of them fails the test."""
    wrong: list[str] = []
    contexts = []

    def open_(address: str, *, width: int = 1440, height: int = 900, theme: str = "light") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            locale="en-GB",
            timezone_id="Europe/Berlin",
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" and "Content Security" in said.text else None)
        page.goto(address)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not wrong, wrong


@pytest.fixture(scope="session")
def axe_source(pytestconfig: pytest.Config) -> str:
    """axe-core of the pinned version, installed once into pytest's cache."""
    here = Path(__file__).parent
    folder = pytestconfig.cache.mkdir("axe")
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    lock = here / "package-lock.json"
    if not script.is_file() or (folder / lock.name).read_bytes() != lock.read_bytes():
        for name in ("package.json", lock.name):
            shutil.copy(here / name, folder / name)
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.fail(f"axe-core could not be installed with npm ci in {folder}:\n{done.stderr[-1000:]}")
    return script.read_text()


@pytest.fixture(scope="module")
def shop(shared_system: Any) -> Any:
    """A running system with the crowd in it."""
    events = crowd()
    # Every event has its id, so a busy door (503) may be asked again.
    answer = wait_until(lambda: (reply := shared_system.send(events)).status != 503 and reply, what="an answer of the door")
    assert answer.status == 202, answer
    assert not answer.json()["rejected"], answer
    return shared_system
