"""Sections of the report on signals in time: recordings, timing, spoken digits."""
