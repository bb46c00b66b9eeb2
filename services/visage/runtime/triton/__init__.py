"""The way to the neural networks: signatures, the Triton client and a Triton server without a GPU image."""
