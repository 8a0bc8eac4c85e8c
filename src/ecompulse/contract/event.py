"""The event, declared once: the envelope, its properties by name and type, and what each event type must carry.

Types here are what a decoder can check at full speed; what depends on values or on several fields is in `rules`.
Money travels as a JSON number or a decimal string and becomes decimal(18, 4) in `columns`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta, Struct, structs

Money = float | str
"""A decimal number: `19.99` or `"19.99"`. At most 14 digits before the point; rounded half-even to 4 after it."""

SOURCES: Final = ("web", "mobile", "synthetic", "server")
ENVIRONMENTS: Final = ("prod", "dev", "staging")


class Item(Struct, frozen=True, gc=False):
    """A line of a purchase."""

    product_id: Annotated[str, Meta(description="What was bought.", examples=["P-1042"])]
    quantity: Annotated[int, Meta(description="How many, 1 or more.", examples=[2])]
    price: Annotated[Money, Meta(description="Price of one, in the purchase's currency.", examples=[19.99])]
    product_name: Annotated[str | None, Meta(description="Its name, as the shopper saw it.", examples=["Blue mug"])] = None
    product_category: Annotated[str | None, Meta(description="Its category.", examples=["kitchen"])] = None


class Properties(Struct, frozen=True, gc=False):
    """What an event is about. Every property may be absent unless its event type requires it; other names are kept as JSON."""

    page_url: Annotated[str | None, Meta(description="Address of the page.", examples=["https://shop.example/p/blue-mug"])] = None
    page_title: Annotated[str | None, Meta(description="Title of the page.", examples=["Blue mug"])] = None
    screen_name: Annotated[str | None, Meta(description="Screen of an app.", examples=["Product"])] = None
    referrer: Annotated[str | None, Meta(description="Address of the page before.", examples=["https://www.google.com/"])] = None
    user_agent: Annotated[str | None, Meta(description="The sender's User-Agent.", examples=["Mozilla/5.0 (X11; Linux x86_64)"])] = None
    ip_address: Annotated[str | None, Meta(description="The sender's address; kept truncated.", examples=["203.0.113.0"])] = None
    utm_source: Annotated[str | None, Meta(description="Campaign source.", examples=["newsletter"])] = None
    utm_medium: Annotated[str | None, Meta(description="Campaign medium.", examples=["email"])] = None
    utm_campaign: Annotated[str | None, Meta(description="Campaign name.", examples=["spring-sale"])] = None
    utm_term: Annotated[str | None, Meta(description="Campaign keyword.", examples=["mug"])] = None
    utm_content: Annotated[str | None, Meta(description="Which link or creative.", examples=["header"])] = None
    product_id: Annotated[str | None, Meta(description="The product.", examples=["P-1042"])] = None
    product_name: Annotated[str | None, Meta(description="Its name.", examples=["Blue mug"])] = None
    product_category: Annotated[str | None, Meta(description="Its category.", examples=["kitchen"])] = None
    price: Annotated[Money | None, Meta(description="Price of one, 0 or more.", examples=[19.99])] = None
    currency: Annotated[str | None, Meta(description="ISO 4217 code.", examples=["EUR"])] = None
    quantity: Annotated[int | None, Meta(description="How many, 1 or more.", examples=[1])] = None
    cart_id: Annotated[str | None, Meta(description="The cart.", examples=["c-77"])] = None
    order_id: Annotated[str | None, Meta(description="The order.", examples=["o-2001"])] = None
    total: Annotated[Money | None, Meta(description="What the shopper pays.", examples=[41.98])] = None
    items: Annotated[tuple[Item, ...] | None, Meta(description="The lines of a purchase, 1 to 500.")] = None
    discount: Annotated[Money | None, Meta(description="Taken off the items, 0 or more.", examples=[2.0])] = None
    shipping: Annotated[Money | None, Meta(description="Added for shipping, 0 or more.", examples=[4.5])] = None
    tax: Annotated[Money | None, Meta(description="Added as tax, 0 or more.", examples=[0.0])] = None
    coupon: Annotated[str | None, Meta(description="Coupon code.", examples=["SPRING"])] = None
    payment_method: Annotated[str | None, Meta(description="How it was paid.", examples=["card"])] = None
    query: Annotated[str | None, Meta(description="What was searched for.", examples=["red shoes"])] = None
    results_count: Annotated[int | None, Meta(description="How many results, 0 or more.", examples=[12])] = None
    method: Annotated[str | None, Meta(description="HTTP method of a call, or way of a login.", examples=["GET"])] = None
    element_id: Annotated[str | None, Meta(description="The element clicked.", examples=["buy-now"])] = None
    element_text: Annotated[str | None, Meta(description="Its text.", examples=["Buy now"])] = None
    endpoint: Annotated[str | None, Meta(description="The API endpoint called.", examples=["/api/cart"])] = None
    status_code: Annotated[int | None, Meta(description="HTTP status, 100 to 599.", examples=[200])] = None
    duration_ms: Annotated[float | None, Meta(description="How long it took, in milliseconds, 0 or more.", examples=[34.5])] = None
    message: Annotated[str | None, Meta(description="The error's message.", examples=["card declined"])] = None
    error_type: Annotated[str | None, Meta(description="The error's class.", examples=["PaymentError"])] = None
    stack: Annotated[str | None, Meta(description="Its stack trace.", examples=["at pay (cart.js:12)"])] = None
    name: Annotated[str | None, Meta(description="Name of a custom event.", examples=["wishlist_shared"])] = None


class Metadata(Struct, frozen=True, gc=False):
    """How an event was sent; other names are kept as JSON."""

    sdk_version: Annotated[str | None, Meta(description="Version of the sender's SDK.", examples=["1.0.0"])] = None
    platform: Annotated[str | None, Meta(description="web, ios, android, …", examples=["web"])] = None
    environment: Annotated[str | None, Meta(description="prod, dev or staging.", examples=["prod"])] = None


class Event(Struct, gc=False):
    """One thing that happened in a shop, in the canonical envelope."""

    event_type: Annotated[str, Meta(description="One of the contract's event types.", examples=["product_view"])]
    event_id: Annotated[str | None, Meta(description="UUID; filled with a UUIDv7 where missing.")] = None
    timestamp: Annotated[
        str | None, Meta(description="When it happened: ISO 8601 with zone; filled with the time of receipt where missing.")
    ] = None
    user_id: Annotated[str | None, Meta(description="The known shopper.", examples=["user-1"])] = None
    anonymous_id: Annotated[str | None, Meta(description="The device or browser before (and beside) that.", examples=["anon-1"])] = None
    session_id: Annotated[str | None, Meta(description="The sender's session.", examples=["s-1"])] = None
    source: Annotated[str | None, Meta(description="web, mobile, synthetic or server.", examples=["web"])] = None
    sent_at: Annotated[str | None, Meta(description="The sender's clock when it sent: ISO 8601 with zone.")] = None
    properties: Annotated[Properties | None, Meta(description="What the event is about.")] = None
    metadata: Annotated[Metadata | None, Meta(description="How it was sent.")] = None


class KeptEvent(Event, gc=False):
    """An event with fields that the contract does not name: their JSON, by where they stood."""

    rest_properties: str | None = None
    rest_metadata: str | None = None
    rest_envelope: str | None = None
    rest_items: tuple[str | None, ...] = ()


class EventType(Struct, frozen=True):
    """What one event type must and may carry, by name of property (`user_id` is the envelope's).

    `required` lists groups: of each group at least one name must be there.
    """

    description: str
    required: tuple[tuple[str, ...], ...]
    optional: tuple[str, ...] = ()
    example: dict[str, Any] = {}


PRODUCT: Final = ("product_name", "product_category", "price", "currency")

EVENT_TYPES: Final[dict[str, EventType]] = {
    "page_view": EventType(
        "A page or a screen was shown.",
        (("page_url", "screen_name"),),
        ("page_title",),
        {"page_url": "https://shop.example/", "page_title": "Home"},
    ),
    "product_view": EventType(
        "A product was looked at.",
        (("product_id",),),
        PRODUCT,
        {"product_id": "P-1042", "product_name": "Blue mug", "product_category": "kitchen", "price": 19.99, "currency": "EUR"},
    ),
    "add_to_cart": EventType(
        "A product was put into the cart.",
        (("product_id",),),
        (*PRODUCT, "quantity", "cart_id"),
        {"product_id": "P-1042", "quantity": 2, "price": 19.99, "currency": "EUR", "cart_id": "c-77"},
    ),
    "remove_from_cart": EventType(
        "A product was taken out of the cart.",
        (("product_id",),),
        (*PRODUCT, "quantity", "cart_id"),
        {"product_id": "P-1042", "quantity": 1, "cart_id": "c-77"},
    ),
    "purchase": EventType(
        "An order was completed.",
        (("order_id",), ("currency",), ("total",), ("items",)),
        ("discount", "shipping", "tax", "coupon", "payment_method"),
        {
            "order_id": "o-2001",
            "currency": "EUR",
            "total": 42.48,
            "shipping": 4.5,
            "discount": 2,
            "payment_method": "card",
            "items": [{"product_id": "P-1042", "quantity": 2, "price": 19.99}],
        },
    ),
    "search": EventType("The shop was searched.", (("query",),), ("results_count",), {"query": "red shoes", "results_count": 12}),
    "user_login": EventType("A shopper became known.", (("user_id",),), ("method",), {"method": "password"}),
    "button_click": EventType(
        "An element was clicked.", (("element_id",),), ("element_text",), {"element_id": "buy-now", "element_text": "Buy now"}
    ),
    "api_call": EventType(
        "A backend call was made.",
        (("endpoint",),),
        ("method", "status_code", "duration_ms"),
        {"endpoint": "/api/cart", "method": "GET", "status_code": 200, "duration_ms": 34.5},
    ),
    "error": EventType(
        "Something went wrong.", (("message",),), ("error_type", "stack"), {"message": "card declined", "error_type": "PaymentError"}
    ),
    "custom": EventType("Anything else, by a name of the shop's own.", (("name",),), (), {"name": "wishlist_shared", "friends": 3}),
}

EVERYWHERE: Final = (
    "page_url",
    "referrer",
    "user_agent",
    "ip_address",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
)
"""Properties that every event may carry."""

ENVELOPE_FIELDS: Final = tuple(field.name for field in structs.fields(Event))
PROPERTY_FIELDS: Final = tuple(field.name for field in structs.fields(Properties))
METADATA_FIELDS: Final = tuple(field.name for field in structs.fields(Metadata))
ITEM_FIELDS: Final = tuple(field.name for field in structs.fields(Item))
MONEY_FIELDS: Final = ("price", "total", "discount", "shipping", "tax")
INTEGER_FIELDS: Final = ("quantity", "results_count", "status_code")

TEXT_LIMIT: Final = 1_024
"""Characters of an identifier or a name: more is a mistake of the sender, and ids are compared in every question."""
LONG_TEXT_LIMIT: Final = 8_192
"""Characters of an address, a title, a message or a user agent: browsers' own limit for addresses is about this."""
STACK_LIMIT: Final = 32_768
"""Characters of a stack trace."""
REST_LIMIT: Final = 65_536
"""Bytes of JSON of all properties that the contract does not name, of one event."""
NESTING_LIMIT: Final = 32
"""How deep unknown properties may nest: deeper is made by a machine gone wrong."""
ITEMS_LIMIT: Final = 500
"""Lines of one purchase."""

LONG_TEXTS: Final = frozenset({"page_url", "page_title", "referrer", "user_agent", "message", "element_text", "query", "endpoint"})


def text_limit(name: str) -> int:
    """How many characters the text field `name` may have."""
    return STACK_LIMIT if name == "stack" else LONG_TEXT_LIMIT if name in LONG_TEXTS else TEXT_LIMIT
