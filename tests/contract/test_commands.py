"""What `ecompulse schema` prints, writes and finds."""

from __future__ import annotations

import io
import json
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pytest

from ecompulse.contract import commands
from ecompulse.contract.commands import FORMATS, LINES_AT_ONCE, SHOWN, CannotDo, Report, check_files, export, show
from ecompulse.contract.event import EVENT_TYPES

RIGHT = b'{"event_type":"search","user_id":"u","properties":{"query":"mug"}}\n'
WRONG = b'{"event_type":"search","user_id":"u","event_id":"0198c1f2-7a3b-7c4d-8e5f-60718293a4b5"}\n'


def checked(body: bytes) -> Report:
    return check_files(["-"], io.BytesIO(body))


def told(report: Report) -> list[tuple[str, str]]:
    return [(wrong.place, wrong.field) for wrong in report.wrong]


def test_the_contract_is_shown_whole_or_one_event_type_of_it() -> None:
    assert all(f"### {name}\n" in show() for name in EVENT_TYPES)
    assert show("purchase").startswith("### purchase\n")
    assert '"order_id"' in show("purchase")


def test_what_does_not_exist_names_its_neighbour() -> None:
    with pytest.raises(CannotDo, match="did you mean search"):
        show("serach")
    with pytest.raises(CannotDo, match="did you mean json-schema"):
        export("jsonschema")
    with pytest.raises(CannotDo, match="there are json-schema, avro"):
        export("xyz")


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_printed_or_written(name: str, tmp_path: Path) -> None:
    text = export(name)
    written = [Path(line) for line in export(name, tmp_path / "new" / "folder").splitlines()]
    assert written[0].read_text(encoding="utf-8") == text
    if name in ("json-schema", "avro", "arrow"):
        assert json.loads(text)
    if name == "duckdb":
        duckdb.execute(text)
    if name == "arrow":
        assert len(pa.ipc.read_schema(pa.py_buffer(written[1].read_bytes()))) > 50


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(CannotDo, match="cannot write to"):
        export("avro", tmp_path / "file")


def test_lines_are_told_by_their_number(tmp_path: Path) -> None:
    report = checked(b"\n" + RIGHT + b"\r\n" + WRONG + b'{"a"\n' + RIGHT)
    assert told(report) == [("line 4", "properties.query"), ("line 5", "")]
    assert (report.events, report.rejected, report.exit_code) == (4, 2, 1)
    assert report.wrong[0].event_id == "0198c1f2-7a3b-7c4d-8e5f-60718293a4b5"


def test_a_document_is_told_by_index() -> None:
    both = b"[%s,%s]" % (RIGHT.strip(), WRONG.strip())
    for body in (both, b'{"events": %s}' % both, b'{\n "events":\n%s\n}' % both):
        assert told(checked(body)) == [("event 1", "properties.query")]
    pretty = msgspec.json.format(RIGHT, indent=2)
    assert (checked(pretty).events, checked(pretty).exit_code) == (1, 0)


def test_right_files_exit_with_0_and_none_or_empty_with_1(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(RIGHT * 3)
    report = check_files([file, str(file)])
    assert (report.files, report.events, report.exit_code) == (2, 6, 0)
    assert report.text() == "6 events checked, 6 right, 0 wrong\n"
    for nothing in (b"", b"[]", b"\n\n"):
        assert checked(nothing).exit_code == 1


def test_a_file_of_many_pieces_is_counted_and_its_mistakes_only_shown_in_part() -> None:
    report = checked((RIGHT + WRONG) * (LINES_AT_ONCE + 1))
    assert (report.events, report.rejected, len(report.wrong)) == (2 * (LINES_AT_ONCE + 1), LINES_AT_ONCE + 1, SHOWN)
    assert told(report)[-1] == (f"line {2 * SHOWN}", "properties.query")
    assert f"and {LINES_AT_ONCE + 1 - SHOWN:,} more" in report.text()
    assert json.loads(report.as_json())["rejected"] == LINES_AT_ONCE + 1


def test_lines_of_which_none_is_json_are_each_told(tmp_path: Path) -> None:
    file = tmp_path / "broken.ndjson"
    file.write_bytes(b"x\ny\n")
    assert told(check_files([file])) == [("line 1", ""), ("line 2", "")]


def test_a_file_that_is_not_there_or_too_large_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotDo, match=r"cannot read .*nothing\.json: No such file"):
        check_files([tmp_path / "nothing.json"])
    monkeypatch.setattr(commands, "JSON_BYTES", 10)
    with pytest.raises(CannotDo, match="write it as NDJSON"):
        checked(b"[" + RIGHT + b"]")
