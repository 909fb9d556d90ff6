"""Learning step: by pure steps, by events, on a GPU, and shared by several processes."""
