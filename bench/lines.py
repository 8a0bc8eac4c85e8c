"""Events of the synthetic shop in the line protocol of InfluxDB, which QuestDB takes over HTTP."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bench import usual

LINE_MARK: Final = b' event_id="'
"""What stands before each id."""
SYMBOLS: Final = ("event_type", "source", "platform", "currency")
NUMBERS: Final = ("price",)
TEXTS: Final = tuple(
    name
    for name in (*usual.ENVELOPE, *usual.PROPERTIES, *usual.METADATA)
    if name not in {*SYMBOLS, *NUMBERS, "event_id", "timestamp"}  # the server gives each line its time
)
_KINDS: Final = {"event_id": "uuid"} | dict.fromkeys(SYMBOLS, "symbol") | dict.fromkeys(TEXTS, "varchar") | dict.fromkeys(NUMBERS, "double")
TABLE: Final = (
    f"create table events ({', '.join(f'{name} {kind}' for name, kind in _KINDS.items())}, ts timestamp)"
    " timestamp(ts) partition by day wal dedup upsert keys(ts, event_id)"
)
"""The usual fields; ours has ninety."""


def line_batches(events: list[bytes], size: int) -> list[bytes]:
    """Bodies of `size` lines each."""
    lines = [_line(msgspec.json.decode(event)) for event in events]
    return [b"".join(lines[start : start + size]) for start in range(0, len(lines) - size + 1, size)]


def _line(event: dict[str, Any]) -> bytes:
    values = {**event.get("properties", {}), **event.get("metadata", {}), **{k: v for k, v in event.items() if isinstance(v, str)}}
    tags = "".join(f",{name}={_escaped(values[name])}" for name in SYMBOLS if values.get(name))
    texts = "".join(f',{name}="{str(values[name]).replace(chr(34), chr(92) + chr(34))}"' for name in TEXTS if values.get(name))
    numbers = "".join(f",{name}={float(values[name])}" for name in NUMBERS if values.get(name) is not None)
    return f'events{tags} event_id="{values["event_id"]}"{texts}{numbers}\n'.encode()


def _escaped(text: str) -> str:
    return text.replace(" ", "\\ ").replace(",", "\\,").replace("=", "\\=")
