"""The identity service: from a photo to a face that can be rendered and compared."""
