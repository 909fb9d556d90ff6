"""Parameters of a run's parts: frozen dataclasses of numbers and words, without torch."""
