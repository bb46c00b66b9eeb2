"""Separates a person from the background (MediaPipe selfie segmentation)."""
