"""What the shop sells: categories, products with names and prices, and how popular each is."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt

PRODUCTS_PER_CATEGORY = 60

# name, lowest and highest price in euros, qualities, things
_RANGES: tuple[tuple[str, int, int, str, str], ...] = (
    (
        "Electronics",
        15,
        900,
        "Aurora,Nimbus,Volt,Orbit,Pulse,Echo,Lumen,Vector",
        'Wireless Headphones,Smart Watch,Bluetooth Speaker,Power Bank,Webcam,Mechanical Keyboard,Tablet,Wireless Earbuds,Monitor 27"',
    ),
    (
        "Clothing",
        9,
        180,
        "Organic Cotton,Merino,Linen,Recycled,Brushed,Classic,Oversized,Slim-Fit",
        "T-Shirt,Hoodie,Jeans,Shirt,Jacket,Dress,Chinos,Cardigan,Raincoat",
    ),
    (
        "Home & Kitchen",
        6,
        320,
        "Nordic,Cast-Iron,Bamboo,Stoneware,Stainless,Oak,Copper,Handmade",
        "Frying Pan,Chef's Knife,Table Lamp,Coffee Maker,Dinner Set,Storage Box,Cutting Board,Kettle,Wool Throw",
    ),
    (
        "Sports & Outdoors",
        8,
        450,
        "Trail,Summit,Featherlight,All-Weather,Pro,Compact,Alpine,Everyday",
        "Running Shoes,Yoga Mat,Backpack 30 L,Tent,Water Bottle,Dumbbell Set,Cycling Helmet,Sleeping Bag,Trekking Poles",
    ),
    (
        "Beauty",
        4,
        95,
        "Hydrating,Botanical,Gentle,Vitamin C,Night,Unscented,Mineral,Rose",
        "Face Cream,Shampoo,Serum,Hand Balm,Sunscreen SPF 50,Lip Care,Body Oil,Cleanser,Clay Mask",
    ),
    (
        "Books",
        5,
        60,
        "The Illustrated,A Short History of,Everyday,The Complete,A Field Guide to,Letters on,The Joy of,Notes on",
        "Gardens,Bread,Cities,the Night Sky,Birds,Tea,Mountains,Typography,the Sea",
    ),
    (
        "Toys & Games",
        7,
        140,
        "Wooden,Magnetic,Giant,Pocket,Glow,Family,Travel,Junior",
        "Train Set,Puzzle 1000,Building Blocks,Board Game,Card Game,Kite,Doll House,Marble Run,Science Kit",
    ),
    (
        "Garden",
        5,
        260,
        "Terracotta,Hardy,Solar,Folding,Galvanised,Heirloom,Self-Watering,Cedar",
        "Planter,Seed Mix,Lantern,Chair,Watering Can,Tomato Seeds,Raised Bed,Bird Feeder,Pruning Shears",
    ),
)

CATEGORIES: tuple[str, ...] = tuple(name for name, *_ in _RANGES)


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
    for code, (category, lowest, highest, qualities, things) in enumerate(_RANGES):
        names = [f"{quality} {thing}" for quality in qualities.split(",") for thing in things.split(",")]
        for number, name in enumerate(random.sample(names, PRODUCTS_PER_CATEGORY)):
            euros = int(lowest * (highest / lowest) ** (random.random() ** 1.4))
            cents = euros * 100 + random.choice((99, 99, 99, 95, 90, 50, 0))
            made.append(Product(f"P-{code + 1}{number:03d}", name, category, f"{slug(name)}-{code + 1}{number:03d}", cents))
    return made


def popularity() -> npt.NDArray[np.float64]:
    """The share of interest that falls on the first, second, … product of a category, summed up: a few sell most (Zipf, exponent 0.9)."""
    weights = 1.0 / np.arange(1, PRODUCTS_PER_CATEGORY + 1) ** 0.9
    return np.asarray(np.cumsum(weights / weights.sum()), dtype=np.float64)
