"""Communication against computation, and the synapses per spike that make a bit cheapest.

A neuron adds up n input spikes, on average, for every spike of its own. A Poisson count of mean n
has the signal-to-noise ratio n, and so tells of its rate, as a Gaussian channel would,

    I(n)         = 1/2 log2(1 + n)          bits per output spike
    E(n)         = fixed + n synapse        joules per output spike
    E(n) / I(n)  is least where  (1 + n) (ln(1 + n) - 1) = fixed / synapse - 1

`fixed` is paid once per spike (sending it, keeping the neuron going), `synapse` per input spike.
The more a spike costs, the more inputs it should sum up. The formula for I is ours, a textbook
form: the paper's own neuron model is not rebuilt here.

Source: Levy and Calvert 2021, "Communication consumes 35 times more energy than computation in the
    human cortex, but both costs are needed to predict synapse number", PNAS 118: e2008173118.
"""

from __future__ import annotations

import math

from ..checks import real_number

CORTEX_RATIO = 35.0  # communication over computation of the human cortex; Levy and Calvert 2021


def joules_per_bit(inputs: float, *, fixed: float, synapse: float) -> float:
    """Return the joules per bit of a neuron that sums up so many input spikes per output spike.

    Args:
        inputs: input spikes per output spike.
        fixed: joules per output spike, whatever its inputs.
        synapse: joules per input spike.

    Example:
        >>> joules_per_bit(3, fixed=2.0, synapse=1.0)
        5.0
    """
    real_number(inputs, "inputs", above=0)
    real_number(fixed, "fixed", least=0)
    real_number(synapse, "synapse", above=0)
    return (fixed + inputs * synapse) / (0.5 * math.log2(1 + inputs))


def best_inputs(*, fixed: float, synapse: float) -> float:
    """Return the input spikes per output spike at which a bit costs least.

    Raises: ValueError where a spike costs nothing: then the fewer inputs, the better.

    Example:
        >>> round(best_inputs(fixed=17_067.5, synapse=1.0))
        2500
    """
    real_number(fixed, "fixed", above=0)
    real_number(synapse, "synapse", above=0)
    target = fixed / synapse - 1
    low, high = 0.0, 1.0
    while _slope(high) < target:
        high *= 2
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _slope(middle) < target else (low, middle)
    return (low + high) / 2


def _slope(n: float) -> float:
    return (1 + n) * (math.log1p(n) - 1)
