"""`visage cluster …`: what an operator asks of a cluster."""
