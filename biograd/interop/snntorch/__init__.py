"""snnTorch models as Networks, spike for spike, and back.

Everything that a Network cannot represent is named, place by place, before anything is made.
snnTorch's neurons in our symbols (snntorch 1.0.0, `_neurons/leaky.py` and `_neurons/synaptic.py`),
reset_mechanism "zero" (with "subtract", its default, v loses one threshold after it has decayed:
our reset "subtract_late"):

    Leaky     v[t] = beta v[t-1] (1 - s[t-1]) + current[t]
              our soma with alpha_u = 0, alpha_v = beta
    Synaptic  u[t] = alpha u[t-1] + current[t],  v[t] = beta v[t-1] + u[t]
              our soma with alpha_u = alpha, alpha_v = beta, if reset_delay=False; with
              reset_delay=True v[t] is 0 after a spike, u[t] included: a silent step, which our
              soma does not have
    both      s[t] = 1 where v[t] > threshold

Leaky resets before the current of the next step arrives, whatever `reset_delay` says, so both
settings fire the same spikes. Weights are divided by the threshold of their neuron (v_th = 1 here):
exact where it is a power of two, else rounded in the last bit. The surrogate gradient is not used:
BioGrad's rule has its own slope, `TwoCompartmentParams.window`.
"""

from .neurons import Difference
from .reading import differences, from_snntorch
from .writing import to_snntorch

__all__ = ["Difference", "differences", "from_snntorch", "to_snntorch"]
