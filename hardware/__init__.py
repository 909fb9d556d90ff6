"""The chip side: models in Loihi's integer arithmetic. Needs no torch and no biograd."""
