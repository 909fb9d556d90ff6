"""The training loop and its companions: evaluation, callbacks, health checks, learning-rate search."""
