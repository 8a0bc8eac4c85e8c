"""Reference pages that are derived from declarations: settings, metrics, commands. `make docs` writes them; a test finds drift."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ecompulse.observe import metrics
from ecompulse.run.cli import COMMANDS
from ecompulse.run.schemes import LOGS, SINKS, STORES, Scheme
from ecompulse.run.settings import DECLARED

HEADER = "<!-- Derived from the code by `make docs`; do not edit. -->\n\n"
HELP_COLUMNS = 100


def settings_page() -> str:
    """All settings."""
    masked = " Its password is never shown."
    rows = [f"| `{d.variable}` | {_code(d.default)} | {_cell(d.help)}{masked if d.secret else ''} |" for d in DECLARED]
    return f"""{HEADER}# Settings

Each setting is `ECOMPULSE_<NAME>` in the environment, `<name>` in `ecompulse.toml` of the working folder, and `--<name>` as a flag.
Sources, the later wins: default, `ecompulse.toml`, environment, flag. `ecompulse settings` shows each value and where it came from.
An unknown name is an error that tells the nearest known one.

```toml
# ecompulse.toml
data = "/var/lib/ecompulse"
collect = "127.0.0.1:8080"
currency = "EUR"
log_keep_time = "7d"
```

| setting | default | what it is |
|---|---|---|
{_lines(rows)}
Times have a unit (`500ms`, `10s`, `5min`, `12h`, `7d`), sizes too (`500MB`, `20GB`).

## Places

| kind | schemes | extra of the package |
|---|---|---|
{_lines([*_schemes("log", LOGS), *_schemes("store", STORES), *_schemes("sink", SINKS)])}
A scheme whose part is not written yet, or whose extra is not installed, is refused at the start with the command that helps.
"""


def metrics_page() -> str:
    """All metrics."""
    rows = [
        f"| `{m.name}` | {m.kind} | {m.unit} | {', '.join(f'`{label}`' for label in m.labels) or '–'} | {_cell(m.help)} | {m.role} |"
        for m in metrics.DECLARED
    ]
    return f"""{HEADER}# Metrics

Both ports answer `/metrics` in Prometheus' text format: the collector's port (8080) with the collector's figures, the dashboard's port
(8081) with those of processing, store and API. With several collectors (`ECOMPULSE_COLLECTORS`) a scrape reaches one, which tells of all
of them: each sample has the label `partition`, and the others' are up to a second old. On Linux both ports also
show `process_…` figures: memory, CPU, open files.

| metric | kind | unit | labels | what it tells | process |
|---|---|---|---|---|---|
{_lines(rows)}"""


def commands_page() -> str:
    """All commands with what `--help` says of their own parameters."""
    environment = {**os.environ, "COLUMNS": str(HELP_COLUMNS), "NO_COLOR": "1", "TERM": "dumb"}
    parts = []
    for command in COMMANDS:
        arguments = [sys.executable, "-m", "ecompulse", *command.name.split(), "--help"]
        told = subprocess.run(arguments, capture_output=True, text=True, check=True, env=environment).stdout
        parts.append(f"## ecompulse {command.name}\n\n```text\n{_own_part(told)}\n```\n")
    listed = [f"| [`{c.name}`](#ecompulse-{c.name.replace(' ', '-')}) | {c.summary} |" for c in COMMANDS]
    return f"""{HEADER}# Commands

Every command takes `--help` and `--debug` (the traceback of an error); those that print a table take `--json`, and those that need
[settings](settings.md) take each of them as a flag.

Exit status: 0; 1 when it is not so or failed; 2 when used wrongly.

| command | what it does |
|---|---|
{_lines(listed)}
{chr(10).join(parts)}"""


def schema_page() -> str:
    """The contract, as its room writes it."""
    from ecompulse.contract import markdown

    return markdown.schema_page()


def http_page() -> str:
    """All requests of both ports."""
    from ecompulse import __version__
    from ecompulse.collect.openapi import document
    from ecompulse.collect.routes import ROUTES
    from ecompulse.serve.openapi import openapi as analytics
    from ecompulse.serve.routes import ENDPOINTS

    documents = (
        ("The collector (port 8080)", document(ROUTES)),
        ("Dashboard and API (port 8081)", analytics(ENDPOINTS, __version__)),
    )
    return f"""{HEADER}# HTTP

Each port describes itself at `/openapi.json` (OpenAPI 3.1), and the dashboard shows that of its API at `/docs`.
Errors are problem details (RFC 9457).

{chr(10).join(f"## {title}{chr(10)}{chr(10)}{_requests(document)}" for title, document in documents)}"""


def _requests(document: dict[str, Any]) -> str:
    rows = [
        f"| `{method.upper()} {path}` | {_cell(operation['summary'])} | {', '.join(operation['responses'])} |"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return f"| request | what it does | answers |\n|---|---|---|\n{_lines(rows)}"


def segment_page() -> str:
    """What Segment's names become."""
    from ecompulse.collect.dialects import segment_names as names

    events = [f"| {name.title()} | `{kind}` |" for name, kind in names.TRACKS.items()]
    kept = [f"| {name} | `custom` |" for name in names.KEPT_CUSTOM]
    groups = (
        ("of a product, and of a line of `products`", names.PRODUCT),
        ("of an order", names.ORDER),
        ("of a search", names.SEARCH),
        ("of a page", names.PAGE),
        ("`context.campaign`", names.CAMPAIGN),
        ("`context.page`", names.CONTEXT_PAGE),
        ("`context`", names.CONTEXT),
    )
    properties = [f"| `{old}` | {where} | `{new}` |" for where, table in groups for old, new in table.items()]
    return f"""{HEADER}# Segment

The collector speaks Segment's HTTP API: `/v1/track`, `/page`, `/screen`, `/identify`, `/group`, `/alias` and `/batch`. Point any of its
SDKs here as host; the write key is taken as a key of ours where keys are asked for. RudderStack's SDKs send the same.

## Events

Names of the e-commerce spec v2; upper and lower case are one. `page` and `screen` become `page_view`; every other call and name
becomes a `custom` event of that name, with all of its properties.

| Segment's event | becomes |
|---|---|
{_lines([*events, *kept])}
## Properties

Names that are the same in both are left out; what the contract does not name is kept as it came.

| Segment's name | where | becomes |
|---|---|---|
{_lines(properties)}
A `messageId` that is no UUID becomes one that is always the same for the site and that id, so that a message sent twice counts once;
the original is kept.
"""


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "metrics.md": metrics_page,
    "cli.md": commands_page,
    "schema.md": schema_page,
    "http.md": http_page,
    "segment.md": segment_page,
}


def write(folder: Path) -> list[Path]:
    """Write all pages; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")
    return [folder / name for name in PAGES]


def _own_part(told: str) -> str:
    """A command's help without the box of settings, which are the same for all, and without what follows the examples."""
    lines = told.rstrip().splitlines()
    if (start := next((n for n, line in enumerate(lines) if line.startswith("╭─ Settings")), None)) is not None:
        end = next(n for n in range(start, len(lines)) if lines[n].startswith("╰"))
        del lines[start : end + 1]
    end = next((n for n, line in enumerate(lines) if line.startswith("Exit status:")), len(lines))
    return "\n".join(line.rstrip() for line in lines[:end]).rstrip()


def _schemes(kind: str, known: dict[str, Scheme]) -> list[str]:
    return [f"| {kind} | `{name}:` | {f'`{scheme.extra}`' if scheme.extra else 'none needed'} |" for name, scheme in known.items()]


def _lines(rows: list[str]) -> str:
    return "\n".join(rows) + "\n"


def _code(text: str) -> str:
    return f"`{text}`" if text else "none"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for path in write(Path(sys.argv[1])):
        print(path)
