"""Signals in time as spikes: sound from wav files, filter banks, series of sensors."""
