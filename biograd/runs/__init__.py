"""Runs on disk: configurations, checkpoints, records and hyperparameter sweeps."""
