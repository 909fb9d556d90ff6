"""Data sets: images, event recordings, loaders, and the samples that a network is trained on."""
