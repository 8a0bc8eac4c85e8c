"""A file of edited letters: lines that hold none are named, and the others go on."""

from __future__ import annotations

import pytest

from ecompulse.analyze.letter_line import parsed
from ecompulse.run.errors import Refused
from ecompulse.run.letter_file import lines


def test_bad_lines_are_named_by_number_and_the_others_are_read() -> None:
    text = (
        b'\xef\xbb\xbf{"id": "0-1", "event": {}}\n\n{"id": \r\n{"id": "0-2", "body": "x"}\r\n'
        b'{"id": "0-1", "event": {"a": 1}}\n{"id": "0-3", "event": {}}'
    )
    found = list(parsed(text.splitlines(keepends=True)))
    assert [(line.number, line.letter and line.letter.id) for line in found] == [(1, "0-1"), (3, None), (4, "0-2"), (5, None), (6, "0-3")]
    assert "is no JSON" in found[1].reason
    assert found[3].reason == "names the letter 0-1, which line 1 names already"


def test_a_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(Refused, match=r"nowhere\.ndjson"):
        list(lines("nowhere.ndjson"))
