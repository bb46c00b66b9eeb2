"""Who speaks, as 256 numbers by which two recordings of one voice are recognised (GE2E)."""
