"""The chip side: models in Loihi's integer arithmetic. Needs numpy and nir, never torch or biograd."""
