"""Benchmarks of the animation service: `python -m benchmarks.animation` prints all tables."""
