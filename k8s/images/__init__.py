"""What goes into the images: packages, models, bills of materials."""
