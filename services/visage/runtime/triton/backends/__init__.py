"""Backends for the embedded Triton, run inside the server's own environment."""
