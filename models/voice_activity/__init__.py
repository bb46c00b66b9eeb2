"""Whether somebody speaks, 31 times a second (Silero VAD)."""
