"""Event-camera recordings: read, simulate, bin and count them."""
