"""Learning from samples of unequal length: nothing of the padding reaches an update.

Errors carry the weight T / length, 0 in the padding (`errors.errors_over_time`). A rule that sums
errors times traces step by step, as `Eligibility` does, then gives the mean over each sample's own
steps. Any other rule is given the samples of each length by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..connections import Pooled
from ..fast_path import RULE, keeps
from ..layers import Activity, Layer
from ..padding import live_steps
from ..rules import Eligibility, Rule, Update
from . import per_synapse
from .synapses import layer_update


def silenced(activity: Sequence[Activity], lengths: Int[Tensor, " B"]) -> list[Activity]:
    """Return the activity of all layers with spikes and slopes of 0 in the padding."""
    live = live_steps(lengths, len(activity[0].s)).unsqueeze(-1)
    return [
        layer._replace(s=layer.s * live.to(layer.s), psi=layer.psi * live.to(layer.psi.dtype))
        for layer in activity
    ]


def update_of_padded(
    rule: Rule,
    layer: Layer,
    g: Float[Tensor, "T B N"],
    s_pre: Float[Tensor, "T B M"],
    after: Pooled | None,
    dtype: torch.dtype | None,
    psi: Tensor | None,
    lengths: Int[Tensor, " B"],
) -> Update:
    """Return a rule's update of a layer, the mean over samples of each one's own steps.

    Args:
        g: v_apical psi, weighted by T / length, 0 in the padding.
        s_pre: spikes of the layer before.
        after: paths through a pool of the currents.
        dtype: of the products and sums of a convolution.
        psi: slopes of the population, 0 in the padding; None: 1.
    """
    if _sums_by_step(rule):
        return layer_update(rule, layer, g, s_pre, after, dtype, psi)
    if after is not None:
        raise ValueError(
            f"{type(rule).__name__} takes samples of one length through a pool of currents: use the"
            " rule 'eligibility', or pools of spikes"
        )
    steps, total = len(g), None
    for length in lengths.unique().tolist():
        members = lengths == length
        sides = g[:length, members] * (length / steps), s_pre[:length, members]
        slopes = None if psi is None else psi[:length, members]
        part = layer_update(rule, layer, *sides, None, dtype, slopes)
        share = float(members.double().mean())
        weighted = Update(part.dw * share, part.db * share)
        total = (
            weighted if total is None else Update(total.dw + weighted.dw, total.db + weighted.db)
        )
    assert total is not None
    return total


def check_online(rules: Sequence[Rule]) -> None:
    """Raise ValueError for a rule that the online order cannot give samples of unequal length."""
    for rule in rules:
        if not _sums_by_step(rule):
            raise ValueError(
                f"{type(rule).__name__} learns samples of unequal length in the order 'layer'"
                " alone: use that, or the rule 'eligibility'"
            )


def _sums_by_step(rule: Rule) -> bool:
    """Return whether a rule sums errors times traces step by step, as the stock rules do it."""
    return keeps(rule, Eligibility, *RULE) or per_synapse.knows(rule)
