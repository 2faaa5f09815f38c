"""Choosing one transcript per call."""
