"""Values that travel between services: audio, frames, curves, timelines. NumPy only, no I/O."""
