"""Where every published figure comes from: `make bench` prints the table, `make demo` makes the picture."""
