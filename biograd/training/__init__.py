"""Training loop, evaluation, callbacks, health checks, and learning-rate search."""
