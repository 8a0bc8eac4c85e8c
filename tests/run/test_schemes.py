"""A place whose scheme cannot be used is refused with what would help."""

from __future__ import annotations

import pytest

from ecompulse.run.errors import Refused
from ecompulse.run.schemes import LOGS, STORES, Scheme, must_be_usable


def told(url: str, known: dict[str, Scheme]) -> str:
    with pytest.raises(Refused) as refused:
        must_be_usable(url, known, "ECOMPULSE_LOG")
    return f"{refused.value.what} {refused.value.remedy}"


def test_an_extra_that_is_not_installed_is_named_with_the_command() -> None:
    known = {"carrier": Scheme("pigeons", "no_such_module", "log.sqlite")}
    assert "pip install 'ecompulse[pigeons]'" in told("carrier://roof", known)


def test_a_scheme_that_this_version_cannot_speak_names_those_it_can() -> None:
    said = told("carrier://roof", {**LOGS, "carrier": Scheme("", "sqlite3", "log.carrier")})
    assert "carrier:" in said
    assert "sqlite:" in said.split("It can speak")[1]


def test_an_unknown_scheme_names_the_known_ones() -> None:
    assert "duckdb:, postgresql:" in told("oracle://x", STORES)


def test_the_embedded_places_are_usable() -> None:
    must_be_usable("sqlite:", LOGS, "ECOMPULSE_LOG")
    must_be_usable("duckdb:", STORES, "ECOMPULSE_STORE")
