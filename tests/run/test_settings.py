"""Settings: four sources, later wins, and whatever is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecompulse.run import sources
from ecompulse.run.errors import Refused
from ecompulse.run.settings import DECLARED
from ecompulse.run.sources import mask, read


def value_and_source(found: sources.Read, name: str) -> tuple[str, str]:
    given = next(g for g in found.given if g.declared.name == name)
    return given.text, given.source


def test_the_later_source_wins_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "ecompulse.toml").write_text('collect = "127.0.0.1:1001"\ncurrency = "USD"\nlog_level = "error"\ncollectors = 3\n')
    environment = {"ECOMPULSE_COLLECT": "127.0.0.1:1002", "ECOMPULSE_LOG_LEVEL": "warning", "PATH": "/bin"}
    found = read({"collect": "127.0.0.1:1003"}, environment, tmp_path)
    assert value_and_source(found, "collect") == ("127.0.0.1:1003", "flag")
    assert value_and_source(found, "log_level") == ("warning", "environment")
    assert value_and_source(found, "currency") == ("USD", "ecompulse.toml")
    assert value_and_source(found, "serve") == ("127.0.0.1:8081", "default")
    assert (found.settings.collect.port, found.settings.currency, found.settings.collectors) == (1003, "USD", 3)


def test_a_commands_own_default_gives_way_to_every_source(tmp_path: Path) -> None:
    assert read({}, {}, tmp_path, {"traffic": "synthetic"}).settings.traffic == "synthetic"
    assert read({}, {"ECOMPULSE_TRAFFIC": "mixed"}, tmp_path, {"traffic": "synthetic"}).settings.traffic == "mixed"


def test_children_find_in_their_environment_what_came_from_the_command_line(tmp_path: Path) -> None:
    found = read({"collect": "127.0.0.1:1003"}, {"ECOMPULSE_CURRENCY": "USD"}, tmp_path, {"traffic": "synthetic"})
    assert found.environment() == {"ECOMPULSE_COLLECT": "127.0.0.1:1003", "ECOMPULSE_TRAFFIC": "synthetic"}


def test_all_defaults_can_be_read(tmp_path: Path) -> None:
    found = read({}, {}, tmp_path)
    assert [g.source for g in found.given] == ["default"] * len(DECLARED)


@pytest.mark.parametrize(
    ("environment", "toml", "named"),
    [
        ({"ECOMPULSE_STOER": "x"}, "", ["ECOMPULSE_STOER", "ECOMPULSE_STORE"]),
        ({"ECOMPULSE_PORT": "1"}, "", ["ECOMPULSE_PORT"]),
        ({}, 'colect = "x"', ["colect", "collect", "ecompulse.toml"]),
        ({}, "collect = ", ["ecompulse.toml", "cannot be read"]),
        ({}, "[collect]\nport = 1", ["collect", "ecompulse.toml"]),
        ({"ECOMPULSE_COLLECT": "8080"}, "", ["ECOMPULSE_COLLECT", "8080", "HOST:PORT"]),
        ({"ECOMPULSE_COLLECT": "127.0.0.1:99999"}, "", ["ECOMPULSE_COLLECT", "65535"]),
        ({"ECOMPULSE_COLLECTORS": "0"}, "", ["ECOMPULSE_COLLECTORS", "from 1 to"]),
        ({"ECOMPULSE_TRAFFIC": "fake"}, "", ["ECOMPULSE_TRAFFIC", "real, synthetic, mixed"]),
        ({"ECOMPULSE_QUERY_TIME": "ten"}, "", ["ECOMPULSE_QUERY_TIME", "unit"]),
        ({"ECOMPULSE_BODY_MAX": "10 bananas"}, "", ["ECOMPULSE_BODY_MAX", "MB"]),
        ({"ECOMPULSE_RATES": "nowhere.csv"}, "", ["ECOMPULSE_RATES", "nowhere.csv"]),
        ({"ECOMPULSE_DATA": ""}, "", ["ECOMPULSE_DATA"]),
        ({"ECOMPULSE_STORE": "oracle://x"}, "", ["ECOMPULSE_STORE", "oracle:", "duckdb:", "postgresql:"]),
        ({"ECOMPULSE_LOG": "pulsar://x"}, "", ["ECOMPULSE_LOG", "pulsar:", "sqlite:", "kafka:"]),
        ({"ECOMPULSE_SINKS": "csv:///d,mongodb://x"}, "", ["ECOMPULSE_SINKS"]),
        ({"ECOMPULSE_LOG": "sqlite:/elsewhere"}, "", ["ECOMPULSE_LOG", "/elsewhere", "ECOMPULSE_DATA"]),
        ({"ECOMPULSE_STORE": "duckdb:other.db"}, "", ["ECOMPULSE_STORE", "other.db", "ECOMPULSE_DATA"]),
        ({"ECOMPULSE_COLLECT": "127.0.0.1:9", "ECOMPULSE_SERVE": "127.0.0.1:9"}, "", ["ECOMPULSE_COLLECT", "ECOMPULSE_SERVE", "9"]),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(environment: dict[str, str], toml: str, named: list[str], tmp_path: Path) -> None:
    if toml:
        (tmp_path / "ecompulse.toml").write_text(toml)
    with pytest.raises(Refused) as refused:
        read({}, environment, tmp_path)
    told = f"{refused.value.what} {refused.value.remedy}"
    assert not [part for part in named if part not in told], told


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(Refused, match="is a file"):
        read({"data": str(tmp_path / "taken")}, {}, tmp_path)


def test_variables_of_the_tests_are_no_settings(tmp_path: Path) -> None:
    read({}, {"ECOMPULSE_TEST_POSTGRES": "postgresql://x"}, tmp_path)


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("postgresql://shop:s3cr3t@db/events", "postgresql://shop:••••@db/events"),
        ("redis://:s3cr3t@cache:6379/0", "redis://:••••@cache:6379/0"),
        ("s3://bucket/p?secret_access_key=s3cr3t&region=eu", "s3://bucket/p?secret_access_key=••••&region=eu"),
        ("redis://a:s3cr3t@h/0,opensearch://b:s3cr3t@h", "redis://a:••••@h/0,opensearch://b:••••@h"),
        ("sqlite:", "sqlite:"),
    ],
)
def test_passwords_are_masked(secret: str, shown: str) -> None:
    assert mask(secret) == shown


def test_a_wrong_secret_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        read({}, {"ECOMPULSE_STORE": "oracle://shop:s3cr3t@db"}, tmp_path)
    assert "s3cr3t" not in refused.value.what + refused.value.remedy
