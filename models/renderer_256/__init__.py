"""The portrait renderer for 256 x 256 pixels; everything else stands in `models.renderer`."""
