"""The portrait renderer: a layered, depth-lifted warp in one graph, without learned weights."""
