"""Speech engines, each in child processes of its own that speak a small protocol over pipes.

The libraries keep global state, may crash on odd text, and one of them is licensed under the GPL: none is ever loaded
into the service's process.
"""
