"""The soma of a leaky integrate-and-fire neuron, as every compiled loop on a CPU computes it."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(inline="always")
def advance(u, v, current, alpha_u, alpha_v):
    """Return u, v before its reset, and whether the neuron spikes: `neurons.soma_step`.

    Args:
        u, v: float32, of the step before, v after its reset; thresholds.
        current: float32, thresholds per step.
        alpha_u, alpha_v: float32, fractions kept per step.
    """
    u = alpha_u * u + current
    v = alpha_v * v + u
    return u, v, v > np.float32(1)
