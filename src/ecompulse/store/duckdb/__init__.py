"""The embedded store: DuckDB for what is durable, an Arrow tail in memory for what came since the last flush."""

from ecompulse.store.duckdb.database import DuckDBStore

__all__ = ["DuckDBStore"]
