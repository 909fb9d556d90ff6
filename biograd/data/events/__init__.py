"""Event-camera recordings: reading, simulating, binning and counting them."""
