"""Measurements, each returning records: accuracy, speed, energy, learning on the chip."""
