"""The speech service: voices, and text to sound with word, phoneme and viseme times."""
