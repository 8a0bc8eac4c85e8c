"""A synthetic shop: shoppers with intent, sessions, bursts; deterministic from a seed; it knows the true totals of what it sent."""
