"""Where a visitor came from: the referrer's host, the source, medium and channel of traffic, the campaign."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote_plus

import pyarrow as pa

from ecompulse.contract.columns import STORED
from ecompulse.process.step import Context
from ecompulse.process.steps.address import CACHED_ADDRESSES, read_address
from ecompulse.process.steps.channels import CLICK_IDS, channel_of, is_payment, known_place
from ecompulse.process.steps.columns import code, join, merge, put, spread, take

_FIELDS: Final = [STORED.field(name) for name in ("referrer_host", "traffic_source", "traffic_medium", "channel", "campaign")]
_KINDS: Final = [field.type for field in _FIELDS]
_CAMPAIGN_KEYS: Final = ("utm_source", "utm_medium", "utm_campaign")


class Campaign(NamedTuple):
    """What a link says of itself; each may be missing."""

    source: str | None
    medium: str | None
    name: str | None
    click_id: str | None = None


_SILENT: Final = Campaign(None, None, None)


class Arrival(NamedTuple):
    """The five columns, in their order."""

    referrer_host: str | None
    traffic_source: str | None
    traffic_medium: str | None
    channel: str | None
    campaign: str | None


def attribute(batch: pa.RecordBatch, _context: Context) -> pa.RecordBatch:
    """Fill the five columns of an event that carries `page_url`, `referrer` or `utm_…`; see docs/steps.md for who wins over whom.

    A move within the shop has the channel `internal` and no source; an event that says nothing of its arrival has neither,
    so that the first source known in a session is the session's.
    """
    landing = merge(code(take(batch, "page_url")), _landing)
    referrer_host = merge(code(take(batch, "referrer")), _referrer_host)
    is_page = merge(code(take(batch, "event_type")), lambda event_type: event_type == "page_view")
    carried = merge(join([code(take(batch, key)) for key in _CAMPAIGN_KEYS]), _carried)
    return put(batch, _FIELDS, spread(merge(join([is_page, landing, referrer_host, carried]), lambda known: _arrival(*known)), _KINDS))


class Landing(NamedTuple):
    """What matters of a page's address: whose page it is, and what the link to it said."""

    host: str | None
    campaign: Campaign


@lru_cache(maxsize=CACHED_ADDRESSES)
def _landing(page_url: str | None) -> Landing | None:
    if page_url is None:
        return None
    address = read_address(page_url)
    return Landing(_bare(address.host), _read_campaign(address.query))


def _carried(utm: tuple[str | None, ...]) -> Campaign:
    source, medium, name = (_said(text) for text in utm)
    return Campaign(source, medium, name)


@lru_cache(maxsize=CACHED_ADDRESSES)
def _referrer_host(referrer: str | None) -> str | None:
    return None if referrer is None else _bare(read_address(referrer, host_expected=True).host)


def _bare(host: str | None) -> str | None:
    return host.removeprefix("www.") if host else None


@lru_cache(maxsize=CACHED_ADDRESSES)
def _read_campaign(query: str | None) -> Campaign:
    if not query or "=" not in query:
        return _SILENT
    said: dict[str, str] = {}
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        if value:
            said.setdefault(key.lower(), value)
    source, medium, name = (_said(unquote_plus(said[key])) if key in said else None for key in _CAMPAIGN_KEYS)
    return Campaign(source, medium, name, next((key for key in CLICK_IDS if key in said), None))


def _said(text: str | None) -> str | None:
    """Return a text without space around it, or `None` if nothing is left."""
    return (text.strip() or None) if text else None


@lru_cache(maxsize=CACHED_ADDRESSES)
def _arrival(is_page: bool, landing: Landing | None, referrer_host: str | None, carried: Campaign) -> Arrival:
    linked = landing.campaign if landing else _SILENT
    click = CLICK_IDS.get(linked.click_id) if linked.click_id else None
    campaign = linked if carried == _SILENT else carried
    if campaign.source or campaign.medium or campaign.name:
        source = campaign.source.lower() if campaign.source else click.source if click else None
        medium = campaign.medium.lower() if campaign.medium else click.medium if click else None
        channel = click.channel if click and not campaign.medium else channel_of(source, medium)
        return Arrival(referrer_host, source, medium, channel, campaign.name)
    if click:
        return Arrival(referrer_host, click.source, click.medium, click.channel, None)
    if referrer_host:
        if _same_shop(landing and landing.host, referrer_host) or is_payment(referrer_host):
            return Arrival(referrer_host, None, None, "internal", None)
        if place := known_place(referrer_host):
            return Arrival(referrer_host, place.source, place.medium, place.channel, None)
        return Arrival(referrer_host, referrer_host, "referral", "referral", None)
    if is_page and landing:
        return Arrival(None, "direct", "none", "direct", None)  # only a page can be arrived at; other events just do not say
    return Arrival(None, None, None, None, None)


def _same_shop(page_host: str | None, referrer_host: str) -> bool:
    """Tell whether both are one host, or one lies under the other (checkout.shop.example under shop.example)."""
    if not page_host:
        return False
    return page_host == referrer_host or page_host.endswith("." + referrer_host) or referrer_host.endswith("." + page_host)
