"""The command line: every command explains itself, errors say what, where and what to do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ecompulse import __version__
from ecompulse.run.cli import COMMANDS, FAMILIES


def ecompulse(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("ECOMPULSE_")}
    command = [sys.executable, "-m", "ecompulse", *arguments]
    return subprocess.run(command, cwd=folder, env={**inherited, **environment}, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_each_command_has_help_with_its_examples(command: object, tmp_path: Path) -> None:
    from ecompulse.run.cli import Command

    assert isinstance(command, Command)
    done = ecompulse(tmp_path, *command.name.split(), "--help")
    assert done.returncode == 0, done.stderr
    for example in command.examples:
        assert example.startswith(f"ecompulse {command.name}")
        assert re.sub(r"\s+", " ", example) in re.sub(r"\s+", " ", done.stdout)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_of_commands_lists_its_members(family: str, tmp_path: Path) -> None:
    done = ecompulse(tmp_path, family, "--help")
    members = [c.name.split()[1] for c in COMMANDS if c.name.startswith(f"{family} ")]
    assert members
    assert not [member for member in members if member not in done.stdout]


def test_the_version_is_told(tmp_path: Path) -> None:
    assert ecompulse(tmp_path, "--version").stdout.strip() == __version__


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["simulat"], "simulate"),
        (["run", "--colect", "x"], "--collect"),
        (["keys", "crate"], "create"),
        (["collect", "--partition", "x"], "--partition"),
    ],
)
def test_what_is_typed_wrongly_names_its_neighbour_and_exits_2(arguments: list[str], named: str, tmp_path: Path) -> None:
    done = ecompulse(tmp_path, *arguments)
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_has_no_traceback_unless_it_is_asked_for(tmp_path: Path) -> None:
    plain = ecompulse(tmp_path, "settings", ECOMPULSE_STOER="x")
    assert (plain.returncode, "Traceback" in plain.stderr) == (2, False)
    assert "ECOMPULSE_STORE" in plain.stderr
    assert "Traceback" in ecompulse(tmp_path, "settings", "--debug", ECOMPULSE_STOER="x").stderr


def test_long_paths_in_errors_are_not_broken(tmp_path: Path) -> None:
    path = str(tmp_path / ("long" * 30) / "ecompulse-data")
    Path(path).parent.mkdir()
    Path(path).write_text("")
    assert path in ecompulse(tmp_path, "settings", ECOMPULSE_DATA=path).stderr


def test_settings_are_shown_with_their_source_and_without_their_secrets(tmp_path: Path) -> None:
    (tmp_path / "ecompulse.toml").write_text('currency = "USD"\n')
    done = ecompulse(tmp_path, "settings", "--json", "--log-level", "error", ECOMPULSE_SERVE="127.0.0.1:9999")
    told = {row["setting"]: (row["value"], row["source"]) for row in json.loads(done.stdout)}
    assert told["ECOMPULSE_CURRENCY"] == ("USD", "ecompulse.toml")
    assert told["ECOMPULSE_LOG_LEVEL"] == ("error", "flag")
    assert told["ECOMPULSE_SERVE"] == ("127.0.0.1:9999", "environment")
    assert told["ECOMPULSE_LOG"] == ("sqlite:", "default")


def test_a_key_is_shown_once_listed_without_itself_and_taken_back(tmp_path: Path) -> None:
    made = json.loads(ecompulse(tmp_path, "keys", "create", "shop", "--role", "read", "--json").stdout)
    listed = ecompulse(tmp_path, "keys", "list", "--json").stdout
    assert made["key"] not in listed
    assert [(row["id"], row["site"], row["role"]) for row in json.loads(listed)] == [(made["id"], "shop", "read")]
    assert ecompulse(tmp_path, "keys", "revoke", made["id"]).returncode == 0
    assert json.loads(ecompulse(tmp_path, "keys", "list", "--json").stdout) == []
    assert ecompulse(tmp_path, "keys", "revoke", made["id"]).returncode == 1


def test_serve_alone_explains_who_serves_the_embedded_store(tmp_path: Path) -> None:
    done = ecompulse(tmp_path, "serve")
    assert done.returncode == 2
    assert "ecompulse run" in done.stderr


def test_an_open_port_without_keys_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    done = ecompulse(tmp_path, "run", ECOMPULSE_COLLECT="0.0.0.0:18999", ECOMPULSE_SERVE="127.0.0.1:18998")
    assert done.returncode == 2
    assert "ecompulse keys create" in done.stderr


def test_a_reader_that_closes_early_is_no_error(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ecompulse", "settings", "--json"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
