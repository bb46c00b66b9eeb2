"""Composition: curves, audio or text and an identity in, pictures with sound out."""
