"""Who may do what, how much, and what must not be kept: keys, limits, privacy."""
