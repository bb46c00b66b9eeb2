"""The `visage` command, a customer of `visage.client`."""
