"""NVIDIA Audio2Face-3D as its clients call it; docs/animation.md says how it maps to visage.v1."""
