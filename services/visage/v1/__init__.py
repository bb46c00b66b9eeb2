"""Generated from `protos/visage/v1` by `make protos`; nothing here is edited by hand."""
