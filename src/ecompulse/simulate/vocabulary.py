"""What events of the shop say: pages, products, searches, calls, errors, each with its properties, as rows that columns point to."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt

from ecompulse.simulate.block import KIND
from ecompulse.simulate.catalogue import CATEGORIES, Product, slug
from ecompulse.simulate.shoppers import SITE

CURRENCY = "EUR"
DURATIONS = 4096
SERVICE_URL = "https://app.example"

Properties = dict[str, str | int]
"""Names and values as the contract has them; `price` is cents."""

# path, title, screen of the app; in the order that journeys.py names
PAGES: tuple[tuple[str, str, str], ...] = (
    ("/", "Home", "Home"),
    ("/c/{slug}", "{category}", "Category"),
    ("/search", "Search results", "SearchResults"),
    ("/cart", "Your cart", "Cart"),
    ("/checkout", "Checkout", "Checkout"),
    ("/checkout/thanks", "Thank you", "OrderPlaced"),
    ("/account", "Your account", "Account"),
    ("/offers/{slug}", "Offers in {category}", "Offers"),
    ("/help/returns", "Returns", "Help"),
)

SEARCHES: dict[str, str] = {
    "Electronics": "wireless headphones,smart watch,power bank,webcam 4k,usb-c hub",
    "Clothing": "linen shirt,black hoodie,rain jacket,wool cardigan,jeans",
    "Home & Kitchen": "frying pan,coffee maker,table lamp,chef knife,storage box",
    "Sports & Outdoors": "running shoes,yoga mat,tent 2 person,water bottle,backpack",
    "Beauty": "sunscreen,face cream,vitamin c serum,shampoo,lip balm",
    "Books": "bread baking,night sky,bird guide,typography,gift for reader",
    "Toys & Games": "puzzle 1000,board game,wooden train,kite,science kit",
    "Garden": "planter,solar lantern,raised bed,tomato seeds,bird feeder",
}
FRUITLESS = ("hedphones wireles", "ps6", "gift card printable", "size 52 shoes", "left handed kettle", "sofa bed")

BUTTONS = (
    ("wishlist", "Save for later"),
    ("pay-now", "Pay now"),
    ("size-guide", "Size guide"),
    ("share", "Share"),
    ("reviews", "Read reviews"),
    ("newsletter", "Sign up"),
)
CALLS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("/api/cart", "POST", (200,) * 60 + (409,)),
    ("/api/products", "GET", (200,) * 120 + (304,) * 20 + (500,)),
    ("/api/recommendations", "GET", (200,) * 50 + (504,)),
    ("/api/stock", "GET", (200,) * 90 + (404,)),
    ("/api/checkout", "POST", (201,) * 30 + (402, 500)),
)
ERRORS = (
    ("TypeError", "Cannot read properties of undefined (reading 'price')", "at renderPrice (product.js:118)"),
    ("PaymentError", "card declined", "at pay (checkout.js:64)"),
    ("TimeoutError", "request to /api/recommendations timed out after 5000 ms", "at fetchJson (net.js:31)"),
    ("NetworkError", "Failed to fetch", "at send (net.js:12)"),
    ("ValidationError", "postcode does not match country", "at validate (checkout.js:22)"),
)
LOGINS = ("password", "password", "google", "apple", "remembered")
CUSTOMS: tuple[Properties, ...] = (
    {"name": "wishlist_shared", "friends": 3},
    {"name": "review_submitted", "stars": 5},
    {"name": "size_chosen", "size": "M"},
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Rows of properties; `first[kind]` and `count[kind]` say where the rows of an event type are, by its code, for web and app alike.

    Where apps say it otherwise (screens for pages), their rows follow `app` rows further on; `app` is 0 where they do not.
    """

    rows: list[Properties]
    first: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]
    app: npt.NDArray[np.int64]


def of(mix: str, products: list[Product]) -> Vocabulary:
    """What the events of a mix say."""
    return shop(products) if mix == "shop" else service() if mix == "service" else catalogue(products)


def shop(products: list[Product]) -> Vocabulary:
    """What the events of the shop mix say. Rows of `page_view` are page by page, category by category; of products as in the catalogue."""
    web, app = list(_pages()), list(_screens())
    with_address = [product_properties(p) | {"page_url": f"{SITE}/p/{p.slug}"} for p in products]
    in_app = [product_properties(p) for p in products]
    searches = [_search(query, 3 + (7 * n) % 45) for category in CATEGORIES for n, query in enumerate(SEARCHES[category].split(","))]
    rows: dict[str, list[Properties]] = {
        "page_view": web + app,
        "product_view": with_address + in_app,
        "add_to_cart": in_app,
        "remove_from_cart": in_app,
        "search": searches + [_search(query, 0) for query in FRUITLESS],
        "user_login": [{"method": method} for method in LOGINS],
        "button_click": [{"element_id": element, "element_text": text} for element, text in BUTTONS],
        "api_call": [{"endpoint": path, "method": method, "status_code": status} for path, method, many in CALLS for status in many],
        "error": [{"message": message, "error_type": kind, "stack": stack} for kind, message, stack in ERRORS],
        "custom": list(CUSTOMS),
    }
    return _laid_out(rows, {"page_view": len(web), "product_view": len(products)})


def service() -> Vocabulary:
    """What the events of the service mix say."""
    paths = ("/", "/home", "/dashboard", "/products", "/products/42", "/cart", "/checkout", "/profile", "/settings", "/about")
    buttons = ("submit", "cancel", "add-to-cart", "checkout", "login", "logout", "search", "subscribe")
    endpoints = ("/api/users", "/api/products", "/api/orders", "/api/cart", "/api/auth/login", "/api/search")
    statuses = (200,) * 16 + (201, 204, 400, 401, 404, 500)
    return _laid_out(
        {
            "page_view": [{"page_url": SERVICE_URL + path, "page_title": path.strip("/").title() or "Start"} for path in paths],
            "button_click": [{"element_id": f"btn-{name}", "element_text": name.replace("-", " ").capitalize()} for name in buttons],
            "api_call": [
                {"endpoint": endpoint, "method": method, "status_code": status}
                for endpoint in endpoints
                for method in ("GET", "POST", "PUT")
                for status in statuses
            ],
            "error": [{"message": message, "error_type": kind, "stack": stack} for kind, message, stack in ERRORS],
        },
        {},
    )


def catalogue(products: list[Product]) -> Vocabulary:
    """What the events of the catalogue mix say: products only."""
    rows = [product_properties(product) for product in products]
    return _laid_out({"product_view": rows, "add_to_cart": rows}, {})


def call_durations_us(seed: int, median_ms: float, spread: float) -> npt.NDArray[np.int64]:
    """How long calls take, to the tenth of a millisecond: a few thousand draws to choose from (log-normal)."""
    random = Random(f"durations {seed}")  # noqa: S311  must be the same again, not secret
    return np.array([round(median_ms * random.lognormvariate(0, spread) * 10) * 100 for _ in range(DURATIONS)], dtype=np.int64)


def product_properties(product: Product) -> Properties:
    """A product as the properties of an event."""
    return {
        "product_id": product.product_id,
        "product_name": product.name,
        "product_category": product.category,
        "price": product.cents,
        "currency": CURRENCY,
    }


def _laid_out(rows: dict[str, list[Properties]], app: dict[str, int]) -> Vocabulary:
    first, count, further = (np.zeros(len(KIND), dtype=np.int64) for _ in range(3))
    laid: list[Properties] = []
    for kind, several in rows.items():
        first[KIND[kind]], count[KIND[kind]], further[KIND[kind]] = len(laid), len(several), app.get(kind, 0)
        laid += several
    return Vocabulary(laid, first, count, further)


def _pages() -> list[Properties]:
    return [
        {"page_url": SITE + path.format(slug=slug(category)), "page_title": title.format(category=category)}
        for path, title, _ in PAGES
        for category in CATEGORIES
    ]


def _screens() -> list[Properties]:
    return [{"screen_name": screen, "page_title": title.format(category=category)} for _, title, screen in PAGES for category in CATEGORIES]


def _search(query: str, results: int) -> Properties:
    return {"query": query, "results_count": results}
