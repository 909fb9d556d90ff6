"""Data sets: images, camera recordings, loaders, and samples encoded as spikes."""
