"""Learning new classes without forgetting: recruited prototypes in the engine's integers."""
