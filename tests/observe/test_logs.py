"""Log lines: structured, on standard error, with nothing personal."""

from __future__ import annotations

import json
import os
import subprocess
import sys


def said(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"from ecompulse.observe import logs\n{program}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={**os.environ, **environment},
    )
    assert done.stdout == "", "log lines belong to standard error"
    return done.stderr


def test_where_there_is_no_terminal_a_line_is_json_with_role_room_level_and_time() -> None:
    line = json.loads(said("logs.configure(role='collect'); logs.logger('log').warning('slow append', seconds=2.5)"))
    assert {k: line[k] for k in ("event", "level", "role", "room", "seconds")} == {
        "event": "slow append", "level": "warning", "role": "collect", "room": "log", "seconds": 2.5,
    }  # fmt: skip
    assert line["timestamp"].endswith("Z")


def test_lines_below_the_level_are_left_out() -> None:
    assert said("logs.configure('warning'); logs.logger('x').info('a'); logs.logger('x').debug('b')") == ""


def test_nothing_personal_is_logged_whoever_asks_for_it() -> None:
    text = said("logs.configure(); logs.logger('x').info('seen', user_id='ada', ip_address='203.0.113.7', email='a@b.c', count=1)")
    assert "ada" not in text
    assert "203.0.113.7" not in text
    assert "a@b.c" not in text
    assert json.loads(text)["count"] == 1


def test_text_has_no_colour_outside_a_terminal() -> None:
    assert "\x1b" not in said("logs.configure(form='text'); logs.logger('x').error('it broke', file='f')")


def test_an_exception_is_one_line_of_json() -> None:
    lines = said("logs.configure()\ntry: 1/0\nexcept ZeroDivisionError: logs.logger('x').exception('failed')").splitlines()
    assert len(lines) == 1
    assert "ZeroDivisionError" in lines[0]
    assert '"locals"' not in lines[0], "values of variables may be personal"


def test_warnings_of_libraries_have_the_same_form_and_their_chatter_is_left_out() -> None:
    text = said("import logging; logs.configure(role='r'); x = logging.getLogger('lib'); x.warning('careful: %s', 1); x.info('no')")
    line = json.loads(text)
    assert (line["event"], line["level"], line["role"]) == ("careful: 1", "warning", "r")
