"""Writing a property of a step's own into the JSON of `properties`, where a question finds it beside what the sender said."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pyarrow as pa

from ecompulse.contract.columns import STORED
from ecompulse.process.steps.columns import code, join, look_up, merge, put, spread, take

_FIELD: Final = STORED.field("properties")


def put_property(batch: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:
    """Return the batch with `values` (text, numbers, truth values; null leaves a row as it is) under `name` in its `properties`.

    What a sender put there under the same name is replaced.
    """
    key = msgspec.json.encode(name).decode()

    def written(pair: tuple[str | None, str | None]) -> tuple[str | None]:
        text, value = pair
        if value is None:
            return (text,)
        if text is None or text == "{}":
            return (f"{{{key}:{value}}}",)
        if key not in text:
            return (f"{text[:-1]},{key}:{value}}}",)
        members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])  # raw: numbers stay as they were written
        members[name] = msgspec.Raw(value.encode())
        return (msgspec.json.encode(members).decode(),)

    texts = look_up(values, _as_json, pa.string())
    [properties] = spread(merge(join([code(take(batch, "properties")), code(texts)]), written), [_FIELD.type])
    return put(batch, [_FIELD], [properties])


def _as_json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
