"""Records that clients POST to the address that serves metrics."""
