"""Benchmarks of FTM against plain use of the libraries; `python -m benchmarks` writes docs/benchmarks.md."""
