"""Cores that layers take: convolutions on Loihi 1, and all layers on Loihi 2."""
