"""One learning step of any neuron, error, feedback and rule, in either order.

`layer_at_once` rolls a whole layer over all steps before the next one; `online` advances all layers
together and keeps running sums only. Both mean the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import ErrorNeurons, errors_over_time
from ..feedback import Feedback
from ..network import Network, delayed
from ..neurons import apical_scan, lif_params
from ..rules import Rule, Update, update_over_time
from . import on_gpu


class Teaching(NamedTuple):
    """A network, and the parts that teach it."""

    net: Network
    feedback: Feedback
    error: ErrorNeurons
    rules: Sequence[Rule]  # one per layer


class PartResult(NamedTuple):
    """Result of a learning step on some samples of a batch."""

    counts: Tensor  # output spikes of each sample, [B, C]
    error: Tensor  # mean |err| of the output, spikes per step, scalar
    rates: Tensor  # spikes per neuron and step of every layer, [layers]
    updates: list[Update]  # of every layer


# Grad mode is a thread's own, and parameters of a user's network may ask for gradients.
@torch.no_grad()
def layer_at_once(teaching: Teaching, spikes: Tensor, target: Tensor) -> PartResult:
    """Learn from samples layer by layer, each over all steps at once.

    Args:
        spikes: input spikes, 0 or 1, [T, B, input].
        target: target spikes per step, [B, C].
    """
    net, feedback = teaching.net, teaching.feedback
    activity = net.roll(spikes)
    s_out = activity[-1].s
    err = errors_over_time(teaching.error, s_out, target)
    s_pre, updates = spikes, []
    for index, fired in enumerate(activity):
        # The output layer receives its own errors; a window there would leave silent outputs
        # untaught.
        hidden = index < len(activity) - 1
        teach, psi = (feedback.project(err, index), fired.psi) if hidden else (err, None)
        update = _update(teaching, index, teach, psi, s_pre)
        if net.layers[index].w_rec is not None:
            recurrent = _update(teaching, index, teach, psi, delayed(fired.s))
            update = update._replace(dw_rec=recurrent.dw)
        updates.append(update)
        s_pre = fired.s
    rates = torch.stack([fired.s.mean() for fired in activity])
    return PartResult(s_out.sum(0), err.abs().mean(), rates, updates)


def _update(
    teaching: Teaching, index: int, teach: Tensor, psi: Tensor | None, s_pre: Tensor
) -> Update:
    """Return the update of one set of synapses from whole trains.

    Args:
        teach: current of the errors in the layer's apical dendrites.
        psi: slopes of the layer; None: no gate, and errors do not linger.
        s_pre: spikes before the synapses: of the layer below, or the layer's own, delayed.
    """
    neuron, rule = teaching.net.layers[index].neuron, teaching.rules[index]
    if on_gpu.learns(neuron, rule, teach):
        alpha_a = 0.0 if psi is None else lif_params(neuron).alpha_a
        return on_gpu.update(rule, teach, psi, s_pre, alpha_a)
    g = teach if psi is None else apical_scan(neuron, teach) * psi
    return update_over_time(rule, g, s_pre)


@torch.no_grad()
def online(teaching: Teaching, spikes: Tensor, target: Tensor) -> PartResult:
    """Learn from samples step by step, all layers together; memory is independent of T.

    Args:
        spikes: input spikes, 0 or 1, [T, B, input].
        target: target spikes per step, [B, C].
    """
    net, rules, steps, batch = teaching.net, teaching.rules, *spikes.shape[:2]
    states = net.rest(batch)
    v_apical = [torch.zeros_like(state.s) for state in states[:-1]]
    before = [spikes[0], *(state.s for state in states[:-1])]
    rule_states = [
        rule.start(state.s, s_pre) for rule, state, s_pre in zip(rules, states, before, strict=True)
    ]
    recurrent_states = {
        index: rules[index].start(state.s, state.s)
        for index, state in enumerate(states)
        if net.layers[index].w_rec is not None
    }
    counts, error = torch.zeros_like(target), target.new_zeros(())
    rates = target.new_zeros(len(states))
    for t in range(steps):
        past, states = states, net.step(states, spikes[t])
        counts = counts + states[-1].s
        err = teaching.error.error(states[-1].s, counts / (t + 1), target)
        s_pre = spikes[t]
        for index, state in enumerate(states):
            g, neuron = err, net.layers[index].neuron
            if index < len(states) - 1:
                teach = teaching.feedback.project(err, index)
                v_apical[index] = neuron.apical(v_apical[index], teach)
                g = v_apical[index] * neuron.slope(state)
            rule_states[index] = rules[index].step(rule_states[index], g, s_pre)
            if index in recurrent_states:
                recurrent_states[index] = rules[index].step(
                    recurrent_states[index], g, past[index].s
                )
            s_pre = state.s
        error = error + err.abs().mean() / steps
        rates = rates + torch.stack([state.s.mean() for state in states]) / steps
    updates = [rule.finish(state, steps) for rule, state in zip(rules, rule_states, strict=True)]
    for index, state in recurrent_states.items():
        dw_rec = rules[index].finish(state, steps).dw
        updates[index] = updates[index]._replace(dw_rec=dw_rec)
    return PartResult(counts, error, rates, updates)
