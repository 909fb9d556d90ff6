"""The fast way on a GPU: a layer's update from whole trains, with the traces on the side of the
error.

The presynaptic side enters the products as the spikes themselves, zeros and ones, which need no
scan, no memory of their own and are exact in every precision a GPU multiplies in. Errors and slopes
pass through one kernel (`gpu.owed`, `gpu.gated_sum`); what is left are torch's products, in the
precision that `torch.backends.cuda.matmul` is set to (float32 unless set otherwise).

It means what the rules' steps mean; sums are taken in another order, so the last bits may differ.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from ..kernels import gpu
from ..neurons import Neuron, TwoCompartmentLIF
from ..rules import Eligibility, Factorised, Rule, Update


def learns(neuron: Neuron, rule: Rule, g: Float[Tensor, "T B N"]) -> bool:
    """Whether the kernels know this neuron and rule, and take such tensors."""
    return (
        type(neuron) is TwoCompartmentLIF
        and type(rule) in (Eligibility, Factorised)
        and gpu.runs_on(g)
    )


def update(
    rule: Rule,
    teach: Float[Tensor, "T B N"],
    psi: Bool[Tensor, "T B N"] | None,
    s_pre: Float[Tensor, "T B M"],
    alpha_a: float,
) -> Update:
    """The update of a rule that `learns` says yes to.

    Args:
        teach: what the errors do to the layer's apical dendrites, thresholds.
        psi: the layer's slopes; None: it takes every error.
        s_pre: presynaptic spikes.
        alpha_a: apical voltage kept per step.
    """
    steps, batch, _ = teach.shape
    if isinstance(rule, Eligibility):
        owed, total = gpu.owed(teach, psi, alpha_a, rule.trace.alpha_x, rule.trace.alpha_z)
        dw, share = owed.flatten(0, 1).T @ s_pre.flatten(0, 1), 1 / (steps * batch)
        return Update(dw.mul_(share), total.sum(0).mul_(share))
    g = gpu.gated_sum(teach, psi, alpha_a).div_(steps)
    return Update((g.T @ (s_pre.sum(0) / steps)).div_(batch), g.mean(0))
