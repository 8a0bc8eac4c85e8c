"""Which URL schemes a log, a store and a sink may have, and which extra of the package each one needs."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import ecompulse
from ecompulse.run.errors import Refused


@dataclass(frozen=True, slots=True)
class Scheme:
    """One kind of place.

    Attributes:
        extra: the extra of the package that it needs; empty when the package itself suffices.
        needs: the top-level module that the extra brings.
        module: the module of ours that speaks it, under `ecompulse`.
    """

    extra: str
    needs: str
    module: str


LOGS = {
    "sqlite": Scheme("", "sqlite3", "log.sqlite"),
    "kafka": Scheme("kafka", "confluent_kafka", "log.kafka"),
    "redis": Scheme("redis", "redis", "log.redis"),
}
STORES = {
    "duckdb": Scheme("", "duckdb", "store.duckdb"),
    "postgresql": Scheme("postgres", "adbc_driver_postgresql", "store.postgres"),
}
SINKS = {
    "delta": Scheme("lake", "deltalake", "store.delta"),
    "s3": Scheme("lake", "deltalake", "store.delta"),
    "redis": Scheme("redis", "redis", "store.redis"),
    "opensearch": Scheme("opensearch", "opensearchpy", "store.opensearch"),
    "redshift": Scheme("redshift", "redshift_connector", "store.redshift"),
    "csv": Scheme("", "pyarrow", "store.csv"),
}


def must_be_usable(url: str, known: dict[str, Scheme], variable: str) -> None:
    """Refuse a URL whose scheme nobody here speaks, or whose extra is not installed.

    Raises:
        Refused: naming the scheme, and the known ones or the command that installs the extra.
    """
    scheme = url.split(":", 1)[0]
    if scheme not in known:
        raise Refused(f"{variable} has the scheme {scheme}:, which is not known.", f"Known are {_listed(known)}.")
    found = known[scheme]
    if not _written(found):
        usable = {name: s for name, s in known.items() if _written(s)}
        raise Refused(
            f"{variable} has the scheme {scheme}:, which this version cannot speak yet.", f"It can speak {_listed(usable) or 'none'}."
        )
    if importlib.util.find_spec(found.needs) is None:
        raise Refused(
            f"{variable} has the scheme {scheme}:, whose extra is not installed.", f"Install it: pip install 'ecompulse[{found.extra}]'"
        )


def _written(scheme: Scheme) -> bool:
    """Whether our module is there. Asked of the folder: find_spec would import its room, and the supervisor must stay small."""
    path = Path(ecompulse.__file__).parent.joinpath(*scheme.module.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def _listed(known: dict[str, Scheme]) -> str:
    return ", ".join(f"{name}:" for name in known)
