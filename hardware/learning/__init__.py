"""Learning in the integers of Loihi's learning engine: parameters, state, kernels and emulator."""
