"""How written signs are read aloud: numbers, dates, times, money, units, abbreviations."""
