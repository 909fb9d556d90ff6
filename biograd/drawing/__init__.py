"""The drawing page: one HTML file on which a trained network reads drawn digits."""
