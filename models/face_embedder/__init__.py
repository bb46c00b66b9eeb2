"""A 128-number description of a face by which two pictures of one person are recognised (dlib ResNet)."""
