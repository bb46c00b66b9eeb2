"""Figures of the speech service: alignment and cloned voices."""
