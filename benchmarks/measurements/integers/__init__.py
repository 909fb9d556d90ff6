"""Trained networks in the chip's integers: accuracy, speed, and Lava on the same samples."""
