"""Which events a robot sent. They are kept and marked, so that a question can leave them out."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from crawlerdetect import CrawlerDetect

from ecompulse.contract.columns import STORED
from ecompulse.process.step import Context
from ecompulse.process.steps.agent import CACHED_AGENTS, READ_CHARACTERS, read_agent
from ecompulse.process.steps.columns import code, join, merge, put, spread, take

_IS_BOT: Final = STORED.field("is_bot")
_DEVICE_TYPE: Final = STORED.field("device_type")
_CRAWLERS: Final = CrawlerDetect()


@lru_cache(maxsize=CACHED_AGENTS)
def is_bot(user_agent: str | None, source: str | None) -> bool:
    """Tell whether this user agent is a robot's.

    An app or a server names its HTTP library (okhttp, axios) where a browser names itself, and the lists of robots hold those libraries.
    So from `mobile` and `server` only agents that say they are a browser can be robots.
    """
    if user_agent is None or (source in ("mobile", "server") and not user_agent.startswith("Mozilla/")):
        return False
    return read_agent(user_agent).device_type == "bot" or bool(_CRAWLERS.is_crawler(user_agent[:READ_CHARACTERS]))


def mark_bots(batch: pa.RecordBatch, context: Context) -> pa.RecordBatch:  # noqa: ARG001  a step's signature
    """Fill `is_bot`; the `device_type` of a robot is `bot`."""
    senders = merge(join([code(take(batch, "user_agent")), code(take(batch, "source"))]), lambda sender: (is_bot(*sender),))
    [marks] = spread(senders, [_IS_BOT.type])
    kinds = pc.if_else(marks, pa.scalar("bot"), take(batch, "device_type"))
    return put(batch, [_IS_BOT, _DEVICE_TYPE], [marks, kinds])
