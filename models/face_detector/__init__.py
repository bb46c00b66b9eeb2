"""Finds up to four faces in a picture, near or far (BlazeFace, full range)."""
