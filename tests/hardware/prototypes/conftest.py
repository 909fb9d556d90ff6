import numpy as np
import pytest


@pytest.fixture
def blobs():
    """Four overlapping classes of 30 grey inputs: images uint8 [120, 30], labels int64 [120]."""
    rng = np.random.default_rng(0)
    centres, labels = rng.integers(60, 200, (4, 30)), rng.integers(0, 4, 120)
    images = np.clip(centres[labels] + rng.normal(0, 60, (120, 30)), 0, 255).astype(np.uint8)
    return images, labels
