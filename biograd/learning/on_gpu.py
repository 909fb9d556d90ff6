"""The fast path on a GPU: a layer's update of whole trains, with the traces on the error's side.

The presynaptic side enters the products as the spikes themselves, zeros and ones, which need no
scan, no memory of their own and are exact in every precision a GPU multiplies in. Errors and slopes
pass through one kernel (`gpu.filtered_error`, `gpu.gated_sum`); the rest are torch's products, in
the precision that `torch.backends.cuda.matmul` is set to (float32 unless set otherwise).

It means the same as the rules' steps; sums are taken in another order, so the last bits may differ.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from ..fast_path import NEURON, RULE, keeps
from ..kernels import gpu
from ..neurons import Neuron, TwoCompartmentLIF
from ..rules import Eligibility, Factorised, Rule, Update


def learns(neuron: Neuron, rule: Rule, g: Float[Tensor, "T B N"]) -> bool:
    """Tell whether the kernels know this neuron and rule, and take such tensors."""
    return (
        gpu.runs_on(g)
        and keeps(neuron, TwoCompartmentLIF, *NEURON)
        and (keeps(rule, Eligibility, *RULE) or keeps(rule, Factorised, *RULE))
    )


def update(
    rule: Rule,
    teach: Float[Tensor, "T B N"],
    psi: Bool[Tensor, "T B N"] | Float[Tensor, "T B N"] | None,
    s_pre: Float[Tensor, "T B M"],
    alpha_a: float,
) -> Update:
    """Return the update of a rule for which `learns` is true.

    Args:
        teach: current of the errors in the layer's apical dendrites, thresholds.
        psi: the layer's slopes, 0 or 1; None: the layer takes every error.
        s_pre: presynaptic spikes.
        alpha_a: apical voltage kept per step.
    """
    steps, batch, _ = teach.shape
    gate = None if psi is None else psi.bool()  # a recurrent layer is stepped, its slopes are float
    if isinstance(rule, Eligibility):
        filters = rule.trace.alpha_x, rule.trace.alpha_z
        error, total = gpu.filtered_error(teach, gate, alpha_a, *filters)
        dw, share = error.flatten(0, 1).T @ s_pre.flatten(0, 1), 1 / (steps * batch)
        return Update(dw.mul_(share), total.sum(0).mul_(share))
    g = gpu.gated_sum(teach, gate, alpha_a).div_(steps)
    return Update((g.T @ (s_pre.sum(0) / steps)).div_(batch), g.mean(0))
