"""The backend `onnxruntime` for a Triton that has only the Python backend."""
