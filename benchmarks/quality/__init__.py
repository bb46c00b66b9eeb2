"""How good the pictures are: rendered clips of photos beside clips of real people."""
