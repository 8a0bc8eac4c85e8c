"""Which events a robot sent. They are kept and marked, so that a question can leave them out."""

from __future__ import annotations

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from crawlerdetect import providers

from ecompulse.contract.columns import STORED
from ecompulse.process.step import Context
from ecompulse.process.steps.agent import CACHED_AGENTS, READ_CHARACTERS, read_agent
from ecompulse.process.steps.columns import code, join, merge, put, spread, take

_IS_BOT: Final = STORED.field("is_bot")
_DEVICE_TYPE: Final = STORED.field("device_type")

# CrawlerDetect's own search takes 400 µs an agent with `re`; the same patterns in Rust take 6 µs, which matters when robots change their
# names with every request. Rust's regular expressions know no look-ahead: the few patterns with one stay with `re`.
_AHEAD: Final = [pattern for pattern in providers.crawlers.data if "(?!" in pattern or "(?=" in pattern]
_CRAWLERS: Final = "(?i)" + "|".join(pattern for pattern in providers.crawlers.data if pattern not in _AHEAD)
_CRAWLERS_AHEAD: Final = re.compile("|".join(_AHEAD) or r"\b\B", re.IGNORECASE)
_BROWSERS: Final = "(?i)" + "|".join(providers.exclusions.data)

_verdicts: dict[str, bool] = {}


def are_crawlers(agents: list[str]) -> list[bool]:
    """Tell of each user agent whether CrawlerDetect's lists hold it."""
    if len(_verdicts) > CACHED_AGENTS:
        _verdicts.clear()
    unknown = [agent for agent in dict.fromkeys(agents) if agent not in _verdicts]
    if unknown:
        import polars as pl  # takes 0.35 s, which a start after a crash need not wait for

        rest = pl.Series([agent[:READ_CHARACTERS].strip() for agent in unknown], dtype=pl.String).str.replace_all(_BROWSERS, "")
        found = zip(unknown, rest.to_list(), rest.str.contains(_CRAWLERS).to_list(), strict=True)
        _verdicts.update((agent, listed or _CRAWLERS_AHEAD.search(text) is not None) for agent, text, listed in found)
    return [_verdicts[agent] for agent in agents]


def may_be_bot(user_agent: str | None, source: str | None) -> bool:
    """Tell whether a user agent is to be judged at all.

    An app or a server names its HTTP library (okhttp, axios) where a browser names itself, and the lists of robots hold those libraries.
    So from `mobile` and `server` only agents that say they are a browser can be robots.
    """
    return user_agent is not None and (source not in ("mobile", "server") or user_agent.startswith("Mozilla/"))


def mark_bots(batch: pa.RecordBatch, _context: Context) -> pa.RecordBatch:
    """Fill `is_bot`; the `device_type` of a robot is `bot`."""
    senders = join([code(take(batch, "user_agent")), code(take(batch, "source"))])
    judged = list(dict.fromkeys(agent for agent, source in senders.values if may_be_bot(agent, source)))
    bots = {agent for agent, listed in zip(judged, are_crawlers(judged), strict=True) if listed or read_agent(agent).device_type == "bot"}
    [marks] = spread(merge(senders, lambda sender: (may_be_bot(*sender) and sender[0] in bots,)), [_IS_BOT.type])
    kinds = pc.if_else(marks, pa.scalar("bot"), take(batch, "device_type"))
    return put(batch, [_IS_BOT, _DEVICE_TYPE], [marks, kinds])
