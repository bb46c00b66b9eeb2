"""Finds up to four faces within about two metres of the camera (BlazeFace, short range); the fallback."""
