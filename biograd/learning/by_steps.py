"""One learning step of any neuron, error, feedback and rule, in either order.

`layer_at_once` rolls a whole layer over all steps before the next one; `online` advances all layers
together and keeps running sums only. Both mean the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..connections import Pooled
from ..connections.delays import delayed, soma_of
from ..errors import ErrorNeurons, errors_over_time
from ..feedback import Feedback
from ..inputs import trusted
from ..kernels import scans
from ..layers import Activity
from ..network import Network
from ..neurons import apical_scan, lif_params
from ..padding import step_weights
from ..rules import Rule, Update
from . import on_gpu
from .padded import check_online, silenced, update_of_padded
from .synapses import LayerSynapses, layer_update


class Teaching(NamedTuple):
    """A network, and the parts that teach it."""

    net: Network
    feedback: Feedback
    error: ErrorNeurons
    rules: Sequence[Rule]  # one per layer
    dtype: torch.dtype | None = None  # of the products of convolutions, as in `Network.roll`


class PartResult(NamedTuple):
    """Result of a learning step on some samples of a batch."""

    counts: Tensor  # output spikes of each sample, [B, C]
    error: Tensor  # mean |err| of the output, spikes per step, scalar
    rates: Tensor  # spikes per neuron and step of every layer, [layers]
    updates: list[Update]  # of every layer


# Grad mode is a thread's own, and parameters of a user's network may ask for gradients.
@torch.no_grad()
def layer_at_once(
    teaching: Teaching, spikes: Tensor, target: Tensor, lengths: Tensor | None = None
) -> PartResult:
    """Learn from samples layer by layer, each over all steps at once.

    Args:
        spikes: input spikes, 0 or 1, [T, B, input].
        target: target spikes per step, [B, C].
        lengths: steps of each sample, [B], where later ones are padding; None: all have T.
    """
    net, feedback = teaching.net, teaching.feedback
    lower = teaching.dtype is not None  # a user's own `roll` may know no dtype
    activity = net.roll(spikes, dtype=teaching.dtype) if lower else net.roll(spikes)
    if lengths is not None:
        activity = silenced(activity, lengths)
    s_out = activity[-1].s
    err = errors_over_time(teaching.error, s_out, target, lengths)
    sent = [spikes, *(fired.s for fired in activity[:-1])]
    before = [layer.arriving(s) for layer, s in zip(net.layers, sent, strict=True)]
    # The output layer receives its own errors; a window there would leave silent outputs untaught.
    teach, psi = err, None
    updates: list[Update] = []
    for index in reversed(range(len(activity))):
        sides = teach, psi, before[index], activity[index], lengths
        update, g = _update(teaching, index, *sides)
        if net.layers[index].w_rec is not None:
            own = delayed(activity[index].s, 1)
            recurrent = _update(teaching, index, teach, psi, own, activity[index], lengths)[0]
            update = update._replace(dw_rec=recurrent.dw)
        updates.append(update)
        if index:
            psi = activity[index - 1].psi
            if feedback.layered:
                teach = _carried(teaching, index - 1, g, before[index], activity[index].after)
            else:
                teach = feedback.project(err, index - 1)
    fired = [layer.s for layer in activity]
    if lengths is not None:
        weights = step_weights(lengths, len(s_out), s_out)
        fired = [s * weights for s in fired]
    return PartResult(s_out.sum(0), err.abs().mean(), net.rates(fired), updates[::-1])


def apical_current(
    teaching: Teaching, activity: list[Activity], err: Tensor, hidden: int
) -> Tensor:
    """Return the current of the errors in the apical dendrites of a hidden layer, [T, B, N]."""
    if not teaching.feedback.layered:
        return teaching.feedback.project(err, hidden)
    g = err
    for index in reversed(range(hidden + 1, len(activity))):
        s_pre = teaching.net.layers[index].arriving(activity[index - 1].s)
        teach = _carried(teaching, index - 1, g, s_pre, activity[index].after)
        v_apical = apical_scan(teaching.net.layers[index - 1].neuron, teach)
        g = _gated(v_apical, activity[index - 1].psi)
    return teach


def _gated(v_apical: Tensor, psi: Tensor) -> Tensor:
    """Return v_apical psi; torch would copy a boolean psi as numbers first."""
    if psi.dtype == torch.bool and scans.runs_on(v_apical):
        return scans.gated(v_apical, psi)
    return v_apical * psi


def _carried(teaching: Teaching, hidden: int, g: Tensor, s: Tensor, after: Pooled | None) -> Tensor:
    """Return the current in a hidden layer's apical dendrites, from the errors of the layer above.

    Args:
        g: gated errors of the layer above, [T, B, N], or of one step, [B, N].
        s: spikes of the hidden layer, as they arrive at the layer above.
        after: paths through a pool of the currents of the layer above.
    """
    w_fb, layer = teaching.feedback.weights(hidden), teaching.net.layers[hidden + 1]
    assert w_fb is not None
    size = s.shape[-1]
    rows = layer.back(g.reshape(-1, g.shape[-1]), w_fb, s.reshape(-1, size), after, teaching.dtype)
    return rows.view(s.shape)


def _update(
    teaching: Teaching,
    index: int,
    teach: Tensor,
    psi: Tensor | None,
    s_pre: Tensor,
    fired: Activity,
    lengths: Tensor | None,
) -> tuple[Update, Tensor]:
    """Return the update of one set of synapses from whole trains, and the gated errors.

    Args:
        teach: current of the errors in the layer's apical dendrites.
        psi: slopes of the layer; None: no gate, and errors do not linger.
        s_pre: spikes that arrive at the synapses: of the layer below, or the layer's own.
        fired: activity of the layer.
        lengths: steps of each sample; the errors are weighted by them (`errors_over_time`).
    """
    layer, rule = teaching.net.layers[index], teaching.rules[index]
    by_kernels = lengths is None and layer.is_dense and on_gpu.learns(layer.neuron, rule, teach)
    if by_kernels and not teaching.feedback.layered:
        alpha_a = 0.0 if psi is None else lif_params(layer.neuron).alpha_a
        return on_gpu.update(rule, teach, psi, s_pre, alpha_a), teach
    g = teach if psi is None else _gated(apical_scan(layer.neuron, teach), psi)
    if lengths is not None:
        sides = g, s_pre, fired.after, teaching.dtype, psi
        return update_of_padded(rule, layer, *sides, lengths), g
    return layer_update(rule, layer, g, s_pre, fired.after, teaching.dtype, psi), g


@torch.no_grad()
def online(
    teaching: Teaching, spikes: Tensor, target: Tensor, lengths: Tensor | None = None
) -> PartResult:
    """Learn from samples step by step, all layers together; memory is independent of T.

    Args:
        spikes: input spikes, 0 or 1, [T, B, input].
        target: target spikes per step, [B, C].
        lengths: steps of each sample, [B], where later ones are padding; None: all have T.
    """
    if lengths is not None:
        check_online(teaching.rules)
    net, feedback, steps, batch = teaching.net, teaching.feedback, *spikes.shape[:2]
    states = net.rest(batch)
    v_apical = [torch.zeros_like(state.s) for state in states[:-1]]
    pairs = zip(teaching.rules, net.layers, strict=True)
    learning = [LayerSynapses(rule, layer) for rule, layer in pairs]
    counts, error = torch.zeros_like(target), target.new_zeros(())
    rates = target.new_zeros(len(states))
    for t in range(steps):
        with trusted(t > 0):  # as the first step, which is checked
            past, (states, after) = states, net.step_with_paths(states, spikes[t])
            weight = 1.0 if lengths is None else (t < lengths)[:, None] * (steps / lengths[:, None])
            counts = counts + (states[-1].s if lengths is None else states[-1].s * (weight > 0))
            err = teaching.error.error(states[-1].s, counts / (t + 1), target)
            err = err if lengths is None else err * weight
            sent = [spikes[t], *(state.s for state in states[:-1])]
            parts = zip(net.layers, states, sent, strict=True)
            before = [layer.arriving_now(state, s) for layer, state, s in parts]
            g, psi = err, None
            for index in reversed(range(len(states))):
                if index < len(states) - 1:
                    neuron = net.layers[index].neuron
                    if feedback.layered:
                        teach = _carried(teaching, index, g, before[index + 1], after[index + 1])
                    else:
                        teach = feedback.project(err, index)
                    v_apical[index] = neuron.apical(v_apical[index], teach)
                    psi = neuron.slope(soma_of(states[index]))
                    g = v_apical[index] * psi
                    g = g if lengths is None else g * (weight > 0)
                learning[index].step(g, before[index], past[index].s, after[index], psi)
            error = error + err.abs().mean() / steps
            fired = [state.s if lengths is None else state.s * weight for state in states]
            rates = rates + net.rates(fired) / steps
    return PartResult(counts, error, rates, [synapses.finish(steps) for synapses in learning])
