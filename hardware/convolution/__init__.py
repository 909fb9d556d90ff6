"""Convolutions on the chip: currents, the compiled loop, and kernels that stand for pools."""
