"""478 points of a face with refined lips, eyes and irises (MediaPipe attention mesh)."""

SIZE = 192  # side of the crop, pixels
MESH_POINTS = 468
IRIS_POINTS = 5
POINTS = MESH_POINTS + 2 * IRIS_POINTS
