"""Visage: a portrait and a performance in, a talking avatar out."""
