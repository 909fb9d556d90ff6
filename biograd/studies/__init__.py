"""Relatives of the training rules: separation of sources, fault-tolerant and population codes."""
