"""The portrait renderer for 768 x 768 pixels; everything else stands in `models.renderer`."""
