"""What `ecompulse schema` does: show the contract, write it in other languages, check files of events against it.

SEAM: plain functions for the command line. `show(event_type)` and `export(format, folder)` return the text to print, `check_files(paths)` a
`Report` (print `report.text()` or `report.as_json()`, exit with `report.exit_code`), `check_released()` the changes that break a released
version (exit 1 when there is one). Each raises `CannotDo` with a sentence for the person who asked (exit 2).
"""

from __future__ import annotations

import difflib
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
from msgspec import Struct

from ecompulse.contract.arrow import arrow_ipc, arrow_json
from ecompulse.contract.avro import avro_schema
from ecompulse.contract.check import check
from ecompulse.contract.compatibility import breaks, describe, released
from ecompulse.contract.ddl import duckdb_events, postgres_events
from ecompulse.contract.event import EVENT_TYPES
from ecompulse.contract.jsonschema import json_schema
from ecompulse.contract.markdown import event_type_section, schema_page
from ecompulse.contract.read import Read, read_events, read_lines
from ecompulse.contract.typescript import typescript
from ecompulse.contract.unreadable import Unreadable

LINES_AT_ONCE: Final = 2_000
"""Lines of NDJSON checked together: enough for columns to pay, few enough for any file to fit in memory."""
JSON_BYTES: Final = 256 * 1024 * 1024
"""A JSON document is read whole; a larger file should be NDJSON, which is not."""
SHOWN: Final = 100
"""Wrong events told one by one; more of them are only counted, because the first few tell what to change."""


class CannotDo(ValueError):
    """What was asked cannot be done; the text says why and what to do."""


def show(event_type: str | None = None) -> str:
    """The contract as Markdown, or the section of one event type."""
    if event_type is None:
        return schema_page()
    if event_type not in EVENT_TYPES:
        raise CannotDo(_unknown("event type", event_type, EVENT_TYPES))
    return event_type_section(event_type)


def _unknown(what: str, given: str, known: Iterable[str]) -> str:
    words = list(known)
    near = difflib.get_close_matches(given, words, 1)
    return f"no {what} {given!r}" + (f": did you mean {near[0]}?" if near else f": there are {', '.join(words)}")


def _pretty(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


_DOCUMENTS: Final[dict[str, tuple[str, Callable[[], str]]]] = {
    "json-schema": ("event.schema.json", lambda: _pretty(json_schema())),
    "avro": ("event.avsc", lambda: _pretty(avro_schema())),
    "arrow": ("events.arrow.json", lambda: _pretty(arrow_json())),
    "duckdb": ("events.duckdb.sql", lambda: duckdb_events() + ";\n"),
    "postgres": ("events.postgres.sql", lambda: postgres_events() + ";\n"),
    "typescript": ("events.ts", typescript),
    "markdown": ("schema.md", schema_page),
}
FORMATS: Final = tuple(_DOCUMENTS)


def export(format: str, folder: str | Path | None = None) -> str:  # noqa: A002  # the word of the command line
    """The contract in one of `FORMATS`: its text, or, with a folder, the paths of the files written there (`arrow` adds IPC bytes)."""
    if format not in _DOCUMENTS:
        raise CannotDo(_unknown("format", format, FORMATS))
    name, document = _DOCUMENTS[format]
    if folder is None:
        return document()
    files = {name: document().encode()}
    if format == "arrow":
        files["events.arrow"] = arrow_ipc()
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (Path(folder) / file).write_bytes(content)
    except OSError as error:
        raise CannotDo(f"cannot write to {folder}: {error.strerror}") from None
    return "".join(f"{Path(folder) / file}\n" for file in files)


def check_released() -> list[str]:
    """What the present contract breaks of the released versions, a sentence each."""
    now = describe()
    return [f"version {version}: {sentence}" for version, before in released().items() for sentence in breaks(before, now)]


class Wrong(Struct, frozen=True):
    """One event that is not right: `place` is its line in NDJSON (from 1), else its index in the document (from 0)."""

    file: str
    place: str
    event_id: str | None
    field: str
    reason: str


class Report(Struct):
    """How many events were checked and which are wrong; `wrong` holds the first `SHOWN` of them."""

    files: int = 0
    events: int = 0
    rejected: int = 0
    wrong: list[Wrong] = []

    @property
    def exit_code(self) -> int:
        """0 when every event is right and there was one, else 1."""
        return 1 if self.rejected or not self.events else 0

    def text(self) -> str:
        """For people: a line for each wrong event, and one for all."""
        lines = [f"{wrong.file}: {wrong.place}: {wrong.field or 'event'}: {wrong.reason}" for wrong in self.wrong]
        if self.rejected > len(self.wrong):
            lines.append(f"… and {self.rejected - len(self.wrong):,} more")
        return "\n".join([*lines, f"{self.events:,} events checked, {self.events - self.rejected:,} right, {self.rejected:,} wrong"]) + "\n"

    def as_json(self) -> str:
        """For programs: the same as one JSON object."""
        return _pretty(msgspec.to_builtins(self))


def check_files(paths: Sequence[str | Path], stdin: BinaryIO | None = None) -> Report:
    """Check files of events, NDJSON or JSON as the collector takes them; `-` is standard input."""
    report = Report()
    for path in paths:
        report.files += 1
        if str(path) == "-":
            _check_stream(report, "-", stdin or sys.stdin.buffer)
            continue
        try:
            with Path(path).open("rb") as stream:
                _check_stream(report, str(path), stream)
        except OSError as error:
            raise CannotDo(f"cannot read {path}: {error.strerror}") from None
    return report


def _check_stream(report: Report, file: str, stream: BinaryIO) -> None:
    first = _first_line(stream)
    if file.endswith((".ndjson", ".jsonl")) or _is_event_line(first):
        for start, lines in _chunks(first, stream):
            _judge_lines(report, file, start, lines)
        return
    body = first + stream.read(JSON_BYTES + 1 - len(first))
    if len(body) > JSON_BYTES:
        raise CannotDo(f"{file} is one JSON document of more than {JSON_BYTES:,} bytes: write it as NDJSON, one event a line")
    try:
        _judge(report, file, read_events(body), lambda index: f"event {index}")
    except Unreadable as error:
        _add(report, 1, [Wrong(file, "document", None, "", str(error))])


def _first_line(stream: BinaryIO) -> bytes:
    """All up to the end of the first line that is not blank."""
    first = b""
    while not first.strip():
        line = stream.readline(JSON_BYTES + 1)
        if not line:
            break
        first += line
    return first


def _is_event_line(line: bytes) -> bool:
    """Whether a first line makes the file NDJSON: an object by itself, that is not `{"events": […]}`."""
    try:
        fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return "event_type" in fields or "events" not in fields


def _chunks(first: bytes, stream: BinaryIO) -> Iterator[tuple[int, list[bytes]]]:
    """The number of the first line, and the lines, of each piece of a file."""
    number, lines = 1, first.splitlines(keepends=True)
    for line in stream:
        lines.append(line)
        if len(lines) >= LINES_AT_ONCE:
            yield number, lines
            number, lines = number + len(lines), []
    yield number, lines


def _judge_lines(report: Report, file: str, start: int, lines: list[bytes]) -> None:
    numbers = [start + index for index, line in enumerate(lines) if line.strip()]
    try:
        if numbers:
            _judge(report, file, read_lines(b"".join(lines)), lambda index: f"line {numbers[index]}")
    except Unreadable as error:  # not one of them could be read
        if len(lines) == 1:
            _add(report, 1, [Wrong(file, f"line {start}", None, "", str(error))])
        else:
            for index, line in enumerate(lines):
                _judge_lines(report, file, start + index, [line])


def _judge(report: Report, file: str, found: Read, place: Callable[[int], str]) -> None:
    checked = check(found.events, time.time_ns() // 1_000)
    wrong = [(rejection.index, rejection.event_id, rejection.field, rejection.reason) for rejection in found.rejected]
    wrong.extend(
        (found.positions[violation.row], found.events[violation.row].event_id, violation.field, violation.reason)
        for violation in checked.violations
    )
    wrong.sort(key=lambda told: told[0])
    _add(report, found.count, [Wrong(file, place(index), event_id, field, reason) for index, event_id, field, reason in wrong])


def _add(report: Report, events: int, wrong: list[Wrong]) -> None:
    report.events += events
    report.rejected += len(wrong)
    report.wrong.extend(wrong[: SHOWN - len(report.wrong)])
