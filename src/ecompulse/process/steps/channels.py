"""What is known of the places visitors come from: search engines, networks, mail, assistants, payment; click ids; media."""

from __future__ import annotations

from typing import Final, NamedTuple


class Place(NamedTuple):
    """A known place: the name it is counted under, how it sends people, and the channel that belongs to."""

    source: str
    medium: str
    channel: str


CHANNELS: Final = ("direct", "search", "social", "email", "paid", "affiliate", "message", "assistant", "referral", "internal", "other")

_MEDIUM_OF: Final = {"search": "organic", "social": "social", "email": "email", "assistant": "referral"}

# A brand is the label before the public suffix: `google` is google.de and www.google.co.uk, not google.example.com.
_BRANDS: Final = {
    "search": "google bing yahoo duckduckgo ecosia qwant startpage yandex baidu naver daum seznam sogou brave ask aol mojeek kagi",
    "social": "facebook instagram pinterest twitter linkedin tiktok reddit youtube snapchat tumblr vk threads quora weibo xing mastodon",
    "assistant": "chatgpt perplexity claude deepseek",
}
_BRAND_PLACES: Final = {name: Place(name, _MEDIUM_OF[channel], channel) for channel, names in _BRANDS.items() for name in names.split()}

# Hosts, with everything below them. They come before brands: mail.google.com is mail, not search.
_HOSTS: Final = {
    "email": {
        "mail.google.com": "gmail", "com.google.android.gm": "gmail", "mail.yahoo.com": "yahoo-mail", "outlook.live.com": "outlook",
        "outlook.office.com": "outlook", "outlook.office365.com": "outlook", "mail.aol.com": "aol-mail", "mail.proton.me": "proton",
        "navigator.gmx.net": "gmx", "web.de": "web.de", "mail.ru": "mail.ru", "mail.yandex.ru": "yandex-mail", "mail.zoho.com": "zoho",
    },
    "social": {
        "t.co": "twitter", "x.com": "twitter", "fb.com": "facebook", "fb.me": "facebook", "lnkd.in": "linkedin", "youtu.be": "youtube",
        "pin.it": "pinterest", "redd.it": "reddit", "out.reddit.com": "reddit", "bsky.app": "bluesky", "go.bsky.app": "bluesky",
        "ok.ru": "odnoklassniki", "mastodon.social": "mastodon", "news.ycombinator.com": "hacker-news", "com.facebook.katana": "facebook",
        "com.instagram.android": "instagram", "com.linkedin.android": "linkedin",
        "com.pinterest": "pinterest", "com.twitter.android": "twitter",
        "com.reddit.frontpage": "reddit", "org.telegram.messenger": "telegram",
        "t.me": "telegram", "wa.me": "whatsapp", "web.whatsapp.com": "whatsapp",
        "discord.com": "discord", "com.discord": "discord", "com.slack": "slack", "app.slack.com": "slack",
    },
    "search": {
        "com.google.android.googlequicksearchbox": "google", "search.marginalia.nu": "marginalia", "ya.ru": "yandex", "cn.bing.com": "bing",
    },
    "assistant": {
        "chat.openai.com": "chatgpt", "gemini.google.com": "gemini", "copilot.microsoft.com": "copilot", "copilot.com": "copilot",
        "chat.mistral.ai": "mistral", "meta.ai": "meta-ai", "you.com": "you", "notebooklm.google.com": "gemini",
    },
}  # fmt: skip
_HOST_PLACES: Final = {host: Place(name, _MEDIUM_OF[channel], channel) for channel, hosts in _HOSTS.items() for host, name in hosts.items()}

PAYMENT: Final = frozenset((
    "paypal.com", "stripe.com", "klarna.com", "adyen.com", "mollie.com", "checkout.com", "worldpay.com", "authorize.net", "squareup.com",
    "pay.amazon.com", "payments.amazon.com", "pay.google.com", "afterpay.com", "affirm.com", "sofort.com", "giropay.de", "payu.com",
    "razorpay.com", "alipay.com", "braintreegateway.com", "saferpay.com", "datatrans.com", "computop-paygate.com", "payone.com",
    "twint.ch", "bancontact.com",
))  # fmt: skip
"""Who comes back from paying came from where they came before."""

CLICK_IDS: Final = {
    "gclid": Place("google", "cpc", "paid"), "gbraid": Place("google", "cpc", "paid"), "wbraid": Place("google", "cpc", "paid"),
    "dclid": Place("google", "display", "paid"), "msclkid": Place("bing", "cpc", "paid"), "yclid": Place("yandex", "cpc", "paid"),
    "ttclid": Place("tiktok", "cpc", "paid"), "twclid": Place("twitter", "cpc", "paid"), "li_fat_id": Place("linkedin", "cpc", "paid"),
    "sccid": Place("snapchat", "cpc", "paid"), "rdt_cid": Place("reddit", "cpc", "paid"), "epik": Place("pinterest", "cpc", "paid"),
    # Put on every link out of the network, paid or not: it tells where from, not that it was paid for.
    "fbclid": Place("facebook", "social", "social"), "igshid": Place("instagram", "social", "social"),
    "mc_eid": Place("mailchimp", "email", "email"), "mc_cid": Place("mailchimp", "email", "email"),
    "_kx": Place("klaviyo", "email", "email"),
    "srsltid": Place("google", "organic", "search"),  # free listings of Google Merchant Center
}  # fmt: skip
"""Query parameters (lower-case) by which a place marks a click. The first of this table that is there decides."""

_MEDIA: Final = {
    "paid": "cpc ppc cpm cpv cpa sem paid paidsearch paid_search paid-search paidsocial paid_social paid-social shopping ads ad"
    " display banner retargeting remarketing",
    "email": "email e-mail mail newsletter",
    "social": "social social-media social_media social-network sm organic_social organic-social",
    "search": "organic search seo",
    "affiliate": "affiliate affiliates partner",
    "message": "sms push mms message messenger whatsapp notification",
    "referral": "referral link",
    "assistant": "ai assistant",
    "direct": "(none) none direct",
}
_CHANNEL_OF_MEDIUM: Final = {medium: channel for channel, media in _MEDIA.items() for medium in media.split()}
_SOURCES: Final = {
    **{place.source: place for place in (*_HOST_PLACES.values(), *_BRAND_PLACES.values())},
    "fb": Place("fb", "social", "social"), "ig": Place("ig", "social", "social"), "newsletter": Place("newsletter", "email", "email"),
    "email": Place("email", "email", "email"), "mailchimp": Place("mailchimp", "email", "email"),
    "klaviyo": Place("klaviyo", "email", "email"),
}  # fmt: skip
_SECOND_LEVEL: Final = frozenset(("co", "com", "org", "net", "ne", "or", "gov", "edu", "ac"))


def known_place(host: str) -> Place | None:
    """Return what is known of a lower-case host, or of a host it lies under."""
    labels = host.split(".")
    for first in range(len(labels) - 1):
        if place := _HOST_PLACES.get(".".join(labels[first:])):
            return place
    brand_at = -3 if len(labels) > 2 and labels[-2] in _SECOND_LEVEL and len(labels[-1]) == 2 else -2
    return _BRAND_PLACES.get(labels[brand_at]) if len(labels) >= -brand_at else None


def is_payment(host: str) -> bool:
    """Tell whether a host belongs to a payment provider, who sends shoppers back and brings none."""
    labels = host.split(".")
    return any(".".join(labels[first:]) in PAYMENT for first in range(len(labels)))


def channel_of(source: str | None, medium: str | None) -> str:
    """Return the channel of a campaign's source and medium, both lower-case."""
    if medium is not None and (channel := _CHANNEL_OF_MEDIUM.get(medium)):
        return channel
    if medium is None and source is not None and (place := _SOURCES.get(source) or known_place(source)):
        return place.channel
    return "other"
