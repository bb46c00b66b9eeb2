"""How every network of Visage is made: one package per model, the shared converters in `models.conversion`."""
