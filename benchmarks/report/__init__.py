"""The report: one HTML page made from records alone."""
