"""Users' own SQL: what may be run, and with which limits.

The store's instance itself can neither reach files nor the network. What is refused here would still tell of the machine, keep state, or
wait: only our relations, and functions that compute. The statement is judged as DuckDB parsed it, never as text.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, Final

import duckdb
import msgspec

from ecompulse.analyze.ask import TIMEOUT_SECONDS, Answer, answer
from ecompulse.analyze.parameters import ROWS_MAX
from ecompulse.analyze.reading import Readable
from ecompulse.analyze.wrong import Refused
from ecompulse.store import QueryError, QueryTimeout

SQL_MAX: Final = 50_000
"""Characters; a longer statement is generated, and its parsing alone would hold a worker."""

REMEMBERED: Final = 512
"""Statements whose judgement is remembered: a page asks the same one again and again, and to parse it is a fifth of a short one's time."""
REMEMBERED_MAX: Final = 4_000
"""Characters of a statement that is worth that; together 2 MB."""

RELATIONS: Final = (
    "events",
    "order_items",
    "minute_totals",
    "session_parts",
    "sessions",
    "identities",
    "visitors",
    "dead_letters",
    "dead_letters_let_go",
    "ledger",
)
SITE: Final = "ecompulse_site"
"""Name of the parameter that holds a statement to one site; not for users."""
TABLE_FUNCTIONS: Final = frozenset(
    {"range", "generate_series", "unnest", "json_each", "json_tree", "repeat", "histogram", "histogram_values", "summary"}
)
_SPECIAL: Final = frozenset({"tables"})
_REFUSED: Final = frozenset(
    """
    getenv current_setting getvariable setvariable nextval currval setval setseed write_log parse_duckdb_log_message sleep_ms stats query
    query_table current_query current_query_id current_connection_id current_transaction_id txid_current current_database current_catalog
    current_user session_user user version get_block_size in_search_path json_serialize_plan json_serialize_sql json_deserialize_sql
    json_execute_serialized_sql
    """.split()  # noqa: SIM905 — thirty quoted names would be harder to read
)
"""Functions that tell of the machine or the session, keep state, wait, or run SQL that nobody has judged."""
_REFUSED_BEGINNINGS: Final = ("__", "pg_", "has_", "inet_", "duckdb_", "pragma_", "read_", "json_copy_", "vector_type", "icu_")
_ALLOWED_ANYWAY: Final = frozenset({"pg_typeof", "has_any", "__between", "__cast", "__postfix", "icu_sort_key"})
_PARSER_LOCK: Final = threading.Lock()

Node = tuple[dict[str, Any], frozenset[str]]
"""A node of a parsed statement, and the names that WITH has declared around it."""


def query(
    store: Readable,
    sql: str,
    parameters: Mapping[str, Any],
    *,
    site: str | None = None,
    rows_max: int = ROWS_MAX,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> tuple[Answer, bool]:
    """The answer to a user's statement, at most `rows_max` rows, and whether there were more.

    With a site, every relation holds that site's rows only. Raises `Refused`, `ecompulse.store.QueryError`, and
    `ecompulse.store.QueryTimeout`.
    """
    text, named = admitted(sql, parameters)
    values = {**parameters, **({SITE: site} if site is not None else {})}
    shadows = ", ".join(f"{name} as (select * from {name} where site = ${SITE})" for name in RELATIONS)
    scope = f"with {shadows}\n" if site is not None else ""  # the statement cannot name what is behind: schemas are refused
    statement = f"{scope}select * from (\n{text}\n) limit {rows_max + 1}"
    try:
        found = answer(store, statement, values, timeout_seconds, named=named and site is None)
    except QueryTimeout:
        raise
    except QueryError:  # what is told of a wrong name shall know all the right ones
        found = answer(store, statement, values, timeout_seconds)
    if found.table.num_rows <= rows_max:
        return found, False
    return Answer(found.as_of, found.lag_seconds, found.table.slice(0, rows_max)), True


def admitted(sql: str, parameters: Mapping[str, Any]) -> tuple[str, bool]:
    """The statement, without what surrounds it, if it may be run with these parameters, and whether it names all columns that it is about.

    Raises `Refused`.
    """
    if len(sql) > SQL_MAX:
        raise Refused(f"The statement is longer than {SQL_MAX:,} characters.")
    text, named, complete = (_judged_before if len(sql) <= REMEMBERED_MAX else _judged)(sql)
    if SITE in named | parameters.keys():
        raise Refused(f"${SITE} is not for statements; use another name.")
    if missing := sorted(named - parameters.keys()):
        raise Refused(f"The statement uses ${missing[0]}, which 'parameters' does not hold.")
    if excess := sorted(parameters.keys() - named):
        raise Refused(f"'parameters' holds '{excess[0]}', which the statement does not use: write ${excess[0]} in it.")
    return text, complete


def _judged(sql: str) -> tuple[str, frozenset[str], bool]:
    """A statement that may be run, its parameters, and whether it names all columns that it is about."""
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise Refused(str(error)) from None
    if len(statements) != 1:
        raise Refused("Send one statement." if statements else "The statement is empty; an example is: select count(*) from events")
    statement = statements[0]
    if statement.type == duckdb.StatementType.MULTI:
        raise Refused("PIVOT needs its values here: pivot … on column in ('a', 'b') using …")
    if statement.type != duckdb.StatementType.SELECT:
        raise Refused(f"Only reading is possible here: SELECT, DESCRIBE, SUMMARIZE or SHOW TABLES, not {statement.type.name}.")
    text = statement.query.strip().rstrip(";")
    nodes = list(_nodes(_parsed(text)))
    _judge(nodes)
    return text, frozenset(str(name) for name in statement.named_parameters), _names_columns(nodes)


_judged_before = lru_cache(maxsize=REMEMBERED)(_judged)


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """A database of its own, with nothing in it, that only reads statements; to make it takes 0.04 s, so not before there is one."""
    return duckdb.connect(":memory:", config={"threads": 1, "enable_external_access": "false"})


def _parsed(sql: str) -> Any:
    try:
        with _PARSER_LOCK:
            told = _parser().execute("select json_serialize_sql($sql)", {"sql": sql}).fetchone()
        tree = msgspec.json.decode(told[0] if told else b"{}")
    except (duckdb.Error, RecursionError):
        raise Refused("The statement is nested too deeply.") from None
    if tree.get("error", True):
        raise Refused(str(tree.get("error_message", "The statement cannot be read.")))
    return tree["statements"]


def _judge(nodes: list[Node]) -> None:
    for node, named in nodes:
        kind = node.get("type")
        if kind == "BASE_TABLE":
            _judge_table(node, named)
        elif kind == "TABLE_FUNCTION":
            _judge_function(node.get("function", {}), table=True)
        elif kind == "SHOW_REF" and node.get("query") is None and str(node.get("table_name")).strip('"').lower() not in _SPECIAL:
            raise Refused("Of SHOW, only SHOW TABLES is possible here.")
        elif node.get("class") in ("FUNCTION", "WINDOW") and "function_name" in node:
            _judge_function(node, table=False)
        elif kind in ("COLUMN_DATA", "DELIM_GET"):
            raise Refused("The statement cannot be read.")


def _names_columns(nodes: list[Node]) -> bool:
    """Whether no column has a part in the answer that the statement does not name: by a star, a place, a whole row or a natural join."""
    tables: set[str] = set()
    alone: set[str] = set()
    for node, _ in nodes:
        kind = node.get("type")
        if kind in _UNNAMED or node.get("ref_type") == "NATURAL" or node.get("column_name_alias"):
            return False
        if kind == "COLUMN_REF" and len(node["column_names"]) == 1:
            alone.add(node["column_names"][0].lower())
        elif "table_name" in node or "subquery" in node:
            tables |= {str(node.get("table_name", "")).lower(), str(node.get("alias", "")).lower()}
    return not alone & tables


_UNNAMED: Final = frozenset({"STAR", "POSITIONAL_REFERENCE", "SHOW_REF", "PIVOT"})


def _judge_table(node: dict[str, Any], named: frozenset[str]) -> None:
    table = str(node["table_name"])
    if node.get("catalog_name") or node.get("schema_name") or (table.lower() not in RELATIONS and table.lower() not in named):
        raise Refused(f"There is no table '{table[:80]}' here; there are {', '.join(RELATIONS)}.")


def _judge_function(function: dict[str, Any], *, table: bool) -> None:
    name = str(function.get("function_name", "")).lower()
    refused = name not in TABLE_FUNCTIONS if table else name in _REFUSED or name.startswith(_REFUSED_BEGINNINGS)
    if (refused and name not in _ALLOWED_ANYWAY) or function.get("catalog") or function.get("schema") not in ("", "main", None):
        raise Refused(f"The function {name[:80]} cannot be used here.")


def _declared(node: dict[str, Any]) -> Iterator[str]:
    ctes = node.get("cte_map")
    if isinstance(ctes, dict):
        yield from (str(entry.get("key", "")).lower() for entry in ctes.get("map", ()))
    if node.get("type") == "RECURSIVE_CTE_NODE":
        yield str(node.get("cte_name", "")).lower()


def _nodes(tree: Any) -> Iterator[Node]:
    """Every node of a parsed statement."""
    waiting: list[tuple[Any, frozenset[str]]] = [(tree, frozenset())]
    while waiting:
        part, named = waiting.pop()
        if isinstance(part, dict):
            inner = named.union(_declared(part))
            yield part, inner
            waiting += [(value, inner) for value in part.values() if isinstance(value, (dict, list))]
        elif isinstance(part, list):
            waiting += [(value, named) for value in part]
