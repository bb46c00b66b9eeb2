"""Films that nobody waits for: what is asked, kept, worked on and answered."""
