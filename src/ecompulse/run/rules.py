"""Rules between settings: each is a function whose name is the sentence that must be true."""

from __future__ import annotations

from ecompulse.run.errors import Refused
from ecompulse.run.schemes import LOGS, SINKS, STORES, must_be_usable
from ecompulse.run.settings import Settings

EMBEDDED = ("sqlite", "duckdb")


def log_must_be_of_a_known_scheme(settings: Settings) -> None:
    must_be_usable(settings.log, LOGS, "ECOMPULSE_LOG")


def store_must_be_of_a_known_scheme(settings: Settings) -> None:
    must_be_usable(settings.store, STORES, "ECOMPULSE_STORE")


def sinks_must_be_of_known_schemes(settings: Settings) -> None:
    for sink in settings.sinks:
        must_be_usable(sink, SINKS, "ECOMPULSE_SINKS")


def embedded_places_must_be_the_data_folder(settings: Settings) -> None:
    for variable, url in (("ECOMPULSE_LOG", settings.log), ("ECOMPULSE_STORE", settings.store)):
        scheme, _, place = url.partition(":")
        if scheme in EMBEDDED and place:
            raise Refused(
                f"{variable} names a place of its own, {url}, but {scheme}: is always in the data folder.",
                f"Write {variable}={scheme}: and choose the folder with ECOMPULSE_DATA.",
            )


def collector_and_dashboard_must_not_share_a_port(settings: Settings) -> None:
    if settings.collect.port == settings.serve.port:
        raise Refused(
            f"ECOMPULSE_COLLECT and ECOMPULSE_SERVE are both port {settings.collect.port}.",
            "Give one of them another port: the collector is public and write-only, the dashboard is neither.",
        )


def data_must_not_be_a_file(settings: Settings) -> None:
    if settings.data.exists() and not settings.data.is_dir():
        raise Refused(f"ECOMPULSE_DATA is {settings.data}, which is a file.", "Name a folder; it is made when it is not there.")


RULES = (
    log_must_be_of_a_known_scheme,
    store_must_be_of_a_known_scheme,
    sinks_must_be_of_known_schemes,
    embedded_places_must_be_the_data_folder,
    collector_and_dashboard_must_not_share_a_port,
    data_must_not_be_a_file,
)


def check(settings: Settings) -> None:
    """Refuse settings that break a rule; the first broken one is told."""
    for rule in RULES:
        rule(settings)
