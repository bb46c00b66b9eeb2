"""Benchmarks of the animation service: each module prints its tables, `python -m benchmarks.animation` prints them all."""
