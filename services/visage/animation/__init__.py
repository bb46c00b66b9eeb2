"""Curves: what a face does while it speaks, from audio or from text."""
