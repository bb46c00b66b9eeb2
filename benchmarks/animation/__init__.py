"""Benchmarks of the animation service: `python -m benchmarks.animation` prints the tables of all modules."""
