"""Reach of rounding: the same sum, taken in two orders, differs in its last bits.

Where every voltage stays further from the threshold than that, events and products fire the same
spikes.
"""

from __future__ import annotations

import math

ROUNDOFF = 2.0**-24  # of float32: the largest relative error of one sum
MANY = 64  # steps times samples from which rearranging the weights for events pays; ours


def rounding(drive: float, alpha_u: float, alpha_v: float, steps: int) -> float:
    """Return how far apart sums in two orders may bring a voltage, thresholds.

    A current errs by the unit roundoff of float32 times the largest that the weights could drive.
    That is ten times what its sum errs by as a rule: few inputs spike at a time, and of n roundings
    some root of n adds up (Higham and Mary, "A new approach to probabilistic rounding error
    analysis", SIAM J. Sci. Comput. 41, 2019). The errors of the steps are independent: the voltage
    keeps the root of the sum of their squares.

    Args:
        drive: largest sum of the absolute weights and bias onto one neuron, thresholds per step.
        alpha_u, alpha_v: fractions of current and voltage kept per step.
        steps: T.
    """
    return ROUNDOFF * drive * _kept(alpha_u, steps) * math.sqrt(_kept(alpha_v**2, steps))


def _kept(alpha: float, steps: int) -> float:
    """Return the sum over steps of what is left of 1 that keeps `alpha` of itself per step."""
    return float(steps) if alpha == 1 else (1 - math.pow(alpha, steps)) / (1 - alpha)
