"""Measurements of FTM against the plain library way; `python -m benchmarks` writes docs/benchmarks.md."""
