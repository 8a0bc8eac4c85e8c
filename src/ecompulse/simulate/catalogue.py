"""What the shop sells: categories, products with names and prices, and how popular each is."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt

PRODUCTS_PER_CATEGORY = 60

# name, qualities, things with their usual price in euros
_RANGES: tuple[tuple[str, str, str], ...] = (
    (
        "Electronics",
        "Aurora,Nimbus,Volt,Orbit,Pulse,Echo,Lumen,Vector",
        (
            "Wireless Headphones:89,Smart Watch:179,Bluetooth Speaker:59,Power Bank:35,Webcam:69,Mechanical Keyboard:99,Tablet:329,"
            'Wireless Earbuds:75,Monitor 27":249'
        ),
    ),
    (
        "Clothing",
        "Organic Cotton,Merino,Linen,Recycled,Brushed,Classic,Oversized,Slim-Fit",
        "T-Shirt:22,Hoodie:49,Jeans:69,Shirt:45,Jacket:119,Dress:65,Chinos:55,Cardigan:59,Raincoat:89",
    ),
    (
        "Home & Kitchen",
        "Nordic,Cast-Iron,Bamboo,Stoneware,Stainless,Oak,Copper,Handmade",
        "Frying Pan:45,Chef's Knife:59,Table Lamp:55,Coffee Maker:79,Dinner Set:99,Storage Box:15,Cutting Board:24,Kettle:42,Wool Throw:69",
    ),
    (
        "Sports & Outdoors",
        "Trail,Summit,Featherlight,All-Weather,Pro,Compact,Alpine,Everyday",
        (
            "Running Shoes:109,Yoga Mat:32,Backpack 30 L:85,Tent:199,Water Bottle:18,Dumbbell Set:65,Cycling Helmet:59,Sleeping Bag:95,"
            "Trekking Poles:55"
        ),
    ),
    (
        "Beauty",
        "Hydrating,Botanical,Gentle,Vitamin C,Night,Unscented,Mineral,Rose",
        "Face Cream:28,Shampoo:9,Serum:35,Hand Balm:8,Sunscreen SPF 50:16,Lip Care:5,Body Oil:19,Cleanser:14,Clay Mask:17",
    ),
    (
        "Books",
        "The Illustrated,A Short History of,Everyday,The Complete,A Field Guide to,Letters on,The Joy of,Notes on",
        "Gardens:25,Bread:22,Cities:28,the Night Sky:24,Birds:19,Tea:16,Mountains:32,Typography:35,the Sea:15",
    ),
    (
        "Toys & Games",
        "Wooden,Magnetic,Giant,Pocket,Glow,Family,Travel,Junior",
        "Train Set:49,Puzzle 1000:15,Building Blocks:35,Board Game:32,Card Game:12,Kite:19,Doll House:89,Marble Run:39,Science Kit:29",
    ),
    (
        "Garden",
        "Terracotta,Hardy,Solar,Folding,Galvanised,Heirloom,Self-Watering,Cedar",
        "Planter:25,Seed Mix:5,Lantern:22,Chair:75,Watering Can:29,Tomato Seeds:4,Raised Bed:89,Bird Feeder:19,Pruning Shears:24",
    ),
)

CATEGORIES: tuple[str, ...] = tuple(name for name, _, _ in _RANGES)


@dataclass(frozen=True, slots=True)
class Product:
    """Something for sale. `slug` is its address on the site, `cents` its price in euro cents."""

    product_id: str
    name: str
    category: str
    slug: str
    cents: int


def slug(text: str) -> str:
    """A name as it stands in an address."""
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def products(seed: int) -> list[Product]:
    """The catalogue: `PRODUCTS_PER_CATEGORY` products of each category, one category after the other, each from most to least popular."""
    random = Random(f"catalogue {seed}")  # noqa: S311  must be the same again, not secret
    made: list[Product] = []
    for code, (category, qualities, things) in enumerate(_RANGES):
        pairs = [(quality, *thing.split(":")) for quality in qualities.split(",") for thing in things.split(",")]
        for number, (quality, thing, usual) in enumerate(random.sample(pairs, PRODUCTS_PER_CATEGORY)):
            name = f"{quality} {thing}"
            cents = int(int(usual) * random.uniform(0.7, 1.6)) * 100 + random.choice((99, 99, 99, 95, 90, 50, 49))
            made.append(Product(f"P-{code + 1}{number:03d}", name, category, f"{slug(name)}-{code + 1}{number:03d}", cents))
    return made


def popularity() -> npt.NDArray[np.float64]:
    """The share of interest that falls on the first, second, … product of a category, summed up: a few sell most (Zipf, exponent 0.9)."""
    weights = 1.0 / np.arange(1, PRODUCTS_PER_CATEGORY + 1) ** 0.9
    return np.asarray(np.cumsum(weights / weights.sum()), dtype=np.float64)
