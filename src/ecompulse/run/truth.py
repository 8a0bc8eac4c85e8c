"""Compares what a store holds with the truth that `ecompulse simulate --truth` wrote, figure by figure, exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

Ask = Callable[[str], Sequence[Sequence[Any]]]
"""Runs SQL on the relations of docs/architecture.md and returns its rows."""

VERSION = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FUNNEL = ("page_view", "product_view", "add_to_cart", "purchase")


class UnreadableTruth(ValueError):
    """The truth is not of a form that can be compared; the message says what is missing or wrong in it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure in which the store is not as it should be, such as `by_type.purchase`; both values as text, None where there is none."""

    figure: str
    expected: str | None
    found: str | None

    def __str__(self) -> str:
        return f"{self.figure}: expected {self.expected or 'nothing'}, found {self.found or 'nothing'}"


def compare(truth: Mapping[str, Any], ask: Ask) -> list[Difference]:
    """All differences between the truth and the store; empty when every figure is equal.

    Args:
        truth: the content of a truth file (docs/architecture.md, Truth file).
        ask: what `ask` raises is not caught: then nothing can be told.

    Raises:
        UnreadableTruth: the truth lacks a figure, or is of another version.
    """
    expected = _expected(truth)
    found = _found(_text(truth["site"]), ask)
    spare = int(truth.get("redelivered", 0))
    return [
        Difference(figure, expected.get(figure), found.get(figure))
        for figure in (*expected, *(name for name in found if name not in expected))
        if not _agree(figure, expected.get(figure), found.get(figure), spare)
    ]


def _agree(figure: str, expected: str | None, found: str | None, spare: int) -> bool:
    """Equal; only what a lost answer made the sender deliver again may be more, and only where deliveries are counted."""
    if expected == found:
        return True
    if not spare or figure not in ("sent", "duplicates", "malformed") or expected is None or found is None:
        return False
    return int(expected) <= int(found) <= int(expected) + spare


def _expected(truth: Mapping[str, Any]) -> dict[str, str]:
    """The truth as figures by name, in the order in which they are told."""
    if truth.get("version") != VERSION:
        raise UnreadableTruth(f"the truth is of version {truth.get('version')!r}, this program compares version {VERSION}: simulate again")
    try:
        figures = {name: str(int(truth[name])) for name in ("sent", "events", "duplicates", "malformed")}
        figures |= {f"by_type.{name}": str(int(count)) for name, count in truth["by_type"].items()}
        figures["orders"] = str(int(truth["orders"]))
        figures |= {f"revenue.{currency}": _money(amount) for currency, amount in truth["revenue"].items()}
        figures |= {f"funnel.{step}": str(int(truth["funnel"][step])) for step in FUNNEL}
        figures |= {name: str(int(truth[name])) for name in ("sessions", "visitors")}
        figures |= {name: _moment(truth[name]) for name in ("from", "to") if truth[name] is not None}
        _text(truth["site"])
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise UnreadableTruth(f"the truth has no readable figure {error}: simulate again") from error
    return figures


def _found(site: str, ask: Ask) -> dict[str, str]:
    """The same figures of the store."""
    outcomes = {str(outcome): int(count) for outcome, count in ask(_LEDGER.format(site=site))}
    figures = {"sent": str(sum(outcomes.values()))}
    by_type = {str(name): int(count) for name, count in ask(_BY_TYPE.format(site=site))}
    figures |= {"events": str(sum(by_type.values())), "duplicates": str(outcomes.get("duplicate", 0))}
    figures["malformed"] = str(outcomes.get("dead_letter", 0))
    figures |= {f"by_type.{name}": str(count) for name, count in by_type.items()}
    orders, sessions, earliest, latest = ask(_TOTALS.format(site=site))[0]
    figures["orders"] = str(orders)
    figures |= {f"revenue.{currency}": _money(amount) for currency, amount in ask(_REVENUE.format(site=site))}
    figures |= {f"funnel.{step}": str(count) for step, count in zip(FUNNEL, ask(_FUNNEL.format(site=site))[0], strict=True)}
    figures |= {"sessions": str(sessions), "visitors": str(ask(_VISITORS.format(site=site))[0][0])}
    moments = {"from": earliest, "to": latest}
    figures |= {name: _since_1970(moment) for name, moment in moments.items() if moment is not None}
    return figures


def _text(value: object) -> str:
    """A value as the inside of an SQL text."""
    return str(value).replace("'", "''")


def _money(amount: object) -> str:
    return format(Decimal(str(amount)).quantize(Decimal("0.0001")), "f")


def _moment(value: str) -> str:
    return datetime.fromisoformat(value).astimezone(UTC).isoformat(timespec="microseconds")


def _since_1970(seconds: Any) -> str:
    """Seconds, which DuckDB gives as a float and Postgres as a decimal, to the microsecond; a float's error is a quarter of one."""
    return (_EPOCH + timedelta(microseconds=round(seconds * 1_000_000))).isoformat(timespec="microseconds")


# In the dialect that DuckDB and Postgres share.
_LEDGER = """select outcome, sum("count") from ledger where site = '{site}' group by outcome"""
_BY_TYPE = "select event_type, count(*) from events where site = '{site}' group by event_type order by event_type"
# The uncorrected time is what the sender wrote; the corrected one may differ by the skew of a device's clock.
_TOTALS = """
select count(distinct case when event_type = 'purchase' then order_id end), count(distinct session_id),
    extract(epoch from min(device_timestamp)), extract(epoch from max(device_timestamp))
from events where site = '{site}'
"""
_REVENUE = "select currency, sum(total) from events where site = '{site}' and event_type = 'purchase' group by currency order by currency"
_JOINED = """
with joined as (
    select anonymous_id, user_id from (
        select anonymous_id, user_id, row_number() over (partition by anonymous_id order by since, user_id) as place
        from identities where site = '{site}'
    ) as known where place = 1
), seen as (
    select coalesce(e.user_id, j.user_id, e.anonymous_id) as visitor, e.event_type, e.timestamp
    from events e left join joined j on j.anonymous_id = e.anonymous_id where e.site = '{site}'
)
"""
_VISITORS = _JOINED + "select count(distinct visitor) from seen"
_FUNNEL = (
    _JOINED
    + """, step1 as (
    select visitor, min(timestamp) as since from seen where event_type = 'page_view' group by visitor
), step2 as (
    select s.visitor, min(s.timestamp) as since from seen s join step1 p on p.visitor = s.visitor and s.timestamp >= p.since
    where s.event_type = 'product_view' group by s.visitor
), step3 as (
    select s.visitor, min(s.timestamp) as since from seen s join step2 p on p.visitor = s.visitor and s.timestamp >= p.since
    where s.event_type = 'add_to_cart' group by s.visitor
), step4 as (
    select distinct s.visitor from seen s join step3 p on p.visitor = s.visitor and s.timestamp >= p.since where s.event_type = 'purchase'
)
select (select count(*) from step1), (select count(*) from step2), (select count(*) from step3), (select count(*) from step4)
"""
)
