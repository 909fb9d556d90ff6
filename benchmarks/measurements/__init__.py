"""Measurements: accuracy, speed, energy and learning on the chip, each as results of records."""
