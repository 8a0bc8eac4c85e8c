"""What Segment's names become here, as data: the e-commerce spec v2 events, their properties, and the context."""

from __future__ import annotations

from typing import Final

TRACKS: Final = {
    "products searched": "search",
    "product viewed": "product_view",
    "product added": "add_to_cart",
    "product removed": "remove_from_cart",
    "order completed": "purchase",
    "signed in": "user_login",
    "signed up": "user_login",
    "logged in": "user_login",
}
"""Track events by name (upper and lower case are one) → event type. Every other name is a `custom` event of that name."""

KEPT_CUSTOM: Final = (
    "Product List Viewed", "Product List Filtered", "Promotion Viewed", "Promotion Clicked", "Product Clicked", "Cart Viewed",
    "Checkout Started", "Checkout Step Viewed", "Checkout Step Completed",
    "Payment Info Entered", "Order Updated", "Order Refunded", "Order Cancelled",
    "Coupon Entered", "Coupon Applied", "Coupon Denied", "Coupon Removed", "Product Added to Wishlist", "Product Removed from Wishlist",
    "Wishlist Product Added to Cart", "Product Shared", "Cart Shared", "Product Reviewed",
)  # fmt: skip
"""The spec's other events, on purpose custom ones: a Product Clicked is followed by its Product Viewed, and must not count as two views."""

PRODUCT: Final = {"sku": "product_id", "id": "product_id", "name": "product_name", "category": "product_category"}
"""Properties of products and of purchase lines; a `product_id` that is there wins over `sku` and `id`."""
ORDER: Final = {"orderId": "order_id", "id": "order_id", "payment_type": "payment_method"}
SEARCH: Final = {"search_term": "query", "results": "results_count"}
PAGE: Final = {"url": "page_url", "title": "page_title"}

CAMPAIGN: Final = {
    "name": "utm_campaign", "source": "utm_source", "medium": "utm_medium", "term": "utm_term", "content": "utm_content",
}  # fmt: skip
"""`context.campaign.…` → property."""
CONTEXT_PAGE: Final = {"url": "page_url", "referrer": "referrer", "title": "page_title"}
"""`context.page.…` → property."""
CONTEXT: Final = {"userAgent": "user_agent", "ip": "ip_address"}
"""`context.…` → property."""
ENVELOPE: Final = (
    "messageId", "userId", "anonymousId", "timestamp", "originalTimestamp", "sentAt", "type", "action", "event", "name", "category",
    "channel", "context", "properties", "traits", "groupId", "previousId", "writeKey",
)  # fmt: skip
"""Fields of a message that have their place in our envelope; any others are kept in `metadata`."""
