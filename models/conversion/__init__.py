"""From pinned packages to ONNX: readers of foreign model files, a graph builder and the parity measurements."""
