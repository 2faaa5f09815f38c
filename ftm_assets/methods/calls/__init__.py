"""Which transcript is taken of each call."""
