"""The parameters that questions take: declared once, read from text, bound to the `$names` of a statement."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from ecompulse.analyze.time_range import GRAINS, TimeRange, buckets, time_range
from ecompulse.analyze.whole_hours import whole_hours
from ecompulse.analyze.wrong import WrongParameter
from ecompulse.contract.event import EVENT_TYPES, SOURCES
from ecompulse.store.duckdb.relations import STEP_TYPES

TEXT_MAX: Final = 2_000
"""Longer than any path or name that a filter is compared with."""
ROWS_MAX: Final = 10_000
"""Most rows of an answer: what a page or a sheet can still show; more is an export."""
STEPS_MAX: Final = 10
"""Each step of a funnel is a join; nobody reads more."""
NEAR: Final = timedelta(hours=6)
"""Of a range up to this, the people and sessions in it are looked up one by one; of a longer one, all are put together first."""
TRAFFIC: Final = ("real", "synthetic", "mixed")
DEFAULT_STEPS: Final = ("page_view", "product_view", "add_to_cart", "purchase")


class Parameter(Struct, frozen=True):
    """A parameter of a question, as askers see it."""

    name: str
    type: str
    description: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    example: str | None = None


_RANGE: Final = (
    Parameter("from", "time", "Start, included: RFC 3339, or a date (midnight in `tz`).", "24 hours before `to`", example="2026-01-01"),
    Parameter("to", "time", "End, not included: RFC 3339, or a date (midnight in `tz`).", "now", example="2026-02-01"),
    Parameter("tz", "text", "IANA time zone of dates and buckets.", "UTC", example="Europe/Berlin"),
)
_GRAIN: Final = Parameter("grain", "text", "Width of a bucket.", "by the length of the range", GRAINS, "day")
_LIMIT: Final = Parameter("limit", "integer", f"Most rows, 1 to {ROWS_MAX:,}.", f"{ROWS_MAX} over time, else 100", example="20")
_STEPS: Final = Parameter(
    "steps", "list", "Event types in order, separated by commas.", ",".join(DEFAULT_STEPS), example="product_view,purchase"
)
_WINDOW: Final = Parameter(
    "window", "duration", "Most time from first step to last, such as 30m, 12h, 7d.", "the whole range", example="7d"
)
FILTERS: Final = (
    Parameter("site", "text", "Only this site.", "every site", example="default"),
    Parameter("traffic", "text", "Which events count: real, synthetic, or both (mixed).", "the setting `traffic`", TRAFFIC),
    Parameter("source", "text", "Only events of this source, whatever `traffic` says.", None, SOURCES, "web"),
    Parameter("platform", "text", "Only events of this platform.", example="ios"),
    Parameter("country", "text", "Only events of this country.", example="DE"),
    Parameter("campaign", "text", "Only sessions of this campaign.", example="spring-sale"),
    Parameter("traffic_source", "text", "Only sessions that came from here.", example="google"),
    Parameter("channel", "text", "Only sessions that came through this channel.", example="search"),
    Parameter("page", "text", "Only sessions that saw this path.", example="/checkout"),
    Parameter("product", "text", "Only events about this product, orders with it included.", example="P-1042"),
    Parameter("event_type", "text", "Only events of this type.", example="product_view"),
)
_ORIGIN: Final = frozenset({"campaign", "traffic_source", "channel"})
_NOT_IN_TOTALS: Final = _ORIGIN | {"page", "product", "event_type"}
_WITH_PRODUCT: Final = frozenset({"product_view", "add_to_cart", "remove_from_cart", "purchase"})
_DURATION: Final = re.compile(r"(\d{1,6})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WORD: Final = re.compile(r"[a-z_]{1,64}")


def parameters_of(bound: frozenset[str]) -> tuple[Parameter, ...]:
    """The parameters that a statement with these `$names` takes."""
    return (*_RANGE, _GRAIN, *FILTERS, _LIMIT, *((_STEPS, _WINDOW) if "steps" in bound else ()))


class Shop(Struct, frozen=True):
    """What the settings say about every question: the reporting currency, and which traffic counts when the asker does not say."""

    currency: str = "EUR"
    traffic: str = "real"


def bind(declared: tuple[Parameter, ...], bound: frozenset[str], asked: Mapping[str, str], shop: Shop, now: datetime) -> dict[str, Any]:
    """Values for a statement's `$names` from what was asked, as text; `now` is where the range ends when nobody says.

    Raises `WrongParameter` for anything unknown or unreadable.
    """
    known = {parameter.name: parameter for parameter in declared}
    for name in asked:
        if name not in known:
            raise WrongParameter(name[:60], f"this question does not take it; it takes {', '.join(sorted(known))}.")
    given = {name: _text(known[name], text) for name, text in asked.items() if text != ""}
    span = time_range(given.get("from"), given.get("to"), given.get("grain"), given.get("tz"), now)
    values: dict[str, Any] = {parameter.name: given.get(parameter.name) for parameter in FILTERS}
    values |= {
        "from": span.start,
        "to": span.end,
        "currency": shop.currency,
        "limit": _limit(given.get("limit"), ROWS_MAX if "starts" in bound else 100),
    }
    values["traffic"] = given.get("traffic") or ("mixed" if given.get("source") else shop.traffic)
    values["by_origin"] = any(given.get(name) for name in _ORIGIN)
    values["by_sessions"] = values["by_origin"] or bool(given.get("page"))
    values["by_events"] = any(given.get(name) for name in _NOT_IN_TOTALS)
    values["sessionless"] = True  # until the store says otherwise
    values["near"] = span.end - span.start <= NEAR
    # of a funnel by product, the steps that no product belongs to are kept: it leads from any page to this product
    values["productless"] = [kind for kind in EVENT_TYPES if kind not in _WITH_PRODUCT] if "steps" in bound else []
    edges = buckets(span) if "starts" in bound else []
    if edges:
        values |= {"starts": edges[:-1], "ends": edges[1:], "first_ms": _milliseconds(edges[0]), "width_ms": _width_ms(edges)}
    if "steps" in bound:
        values |= {"steps": _steps(given.get("steps")), "window_seconds": _window(given.get("window"))}
    values |= _parts(span, edges, values)
    return {name: values[name] for name in bound}


def _parts(span: TimeRange, edges: Sequence[datetime], values: Mapping[str, Any]) -> dict[str, Any]:
    """What of the range is answered from the parts of sessions: they know the hour and the session, not page, product or type.

    Of a short range people are looked up one by one, which costs less than to put all together. A funnel by origin needs sessions, which
    the parts of a person do not tell apart.
    """
    long = not values["near"] and not any(values[name] for name in ("page", "product", "event_type"))
    hours = whole_hours(span.start, span.end, edges) if long else None
    if "steps" in values and (values["by_origin"] or not set(values["steps"]) <= set(STEP_TYPES)):
        hours = None
    pieces = hours.pieces if hours else []
    return {
        "by_parts": hours is not None,
        "by_keys": long and not values["by_origin"],
        "whole_from": hours.start if hours else span.start,
        "whole_to": hours.end if hours else span.start,
        "cut_hours": hours.cut if hours else [],
        "piece_starts": [start for start, _ in pieces],
        "piece_ends": [end for _, end in pieces],
    }


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _width_ms(edges: Sequence[datetime]) -> int | None:
    """The width of the buckets where all have the same, so that a bucket can be computed; days of a change of the clock have another."""
    widths = {after - before for before, after in itertools.pairwise(edges)}
    return round(widths.pop().total_seconds() * 1000) if len(widths) == 1 else None


def _text(parameter: Parameter, text: str) -> str:
    if len(text) > TEXT_MAX:
        raise WrongParameter(parameter.name, f"is longer than {TEXT_MAX:,} characters.")
    if "\x00" in text:
        raise WrongParameter(parameter.name, "holds a zero byte.")
    if parameter.choices and text not in parameter.choices:
        raise WrongParameter(parameter.name, f"'{text[:60]}' is none of {', '.join(parameter.choices)}.")
    return text


def _limit(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= ROWS_MAX or len(text) > 9:
        raise WrongParameter("limit", f"'{text[:20]}' is no whole number from 1 to {ROWS_MAX:,}.")
    return int(text)


def _steps(text: str | None) -> list[str]:
    if text is None:
        return list(DEFAULT_STEPS)
    steps = [step.strip() for step in text.split(",")]
    if not 1 <= len(steps) <= STEPS_MAX or len(set(steps)) < len(steps) or not all(map(_WORD.fullmatch, steps)):
        raise WrongParameter(
            "steps", f"give 1 to {STEPS_MAX} different event types separated by commas, such as {','.join(DEFAULT_STEPS)}."
        )
    return steps


def _window(text: str | None) -> int | None:
    if text is None:
        return None
    found = _DURATION.fullmatch(text)
    if not found or int(found[1]) == 0:
        raise WrongParameter("window", f"'{text[:20]}' is no duration such as 30m, 12h or 7d.")
    return int(found[1]) * _SECONDS[found[2]]
