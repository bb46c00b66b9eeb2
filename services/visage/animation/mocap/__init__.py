"""Recorded and live motion capture: files of rows in, curves and head poses out."""
