"""A synthetic shop: catalogue, shoppers with intent, sessions and bursts, deterministic from a seed, that knows the true totals of what it sent."""
