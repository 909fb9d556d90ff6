"""Recordings of one sample's passage through a network, for pictures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..connections.delays import delayed
from ..errors import errors_over_time
from ..learning.by_steps import apical_current
from ..learning.learner import LocalLearner
from ..neurons import TwoCompartmentLIF, apical_scan, soma_voltages
from ..traces import TraceParams, trace_scan


class Sample(NamedTuple):
    """Recordings of one sample: spikes of all layers, and one hidden neuron and synapse."""

    spikes: list[np.ndarray]  # of the input and of every layer, 0 or 1, [T, N]
    hidden: int  # hidden layer of the neuron, 0 = first
    neuron: int  # index of a neuron that fires and receives an error
    synapse: int  # input of its most eligible synapse
    v: np.ndarray  # its soma voltage before the reset, thresholds, [T]
    v_apical: np.ndarray  # its apical voltage, thresholds, [T]
    eligibility: np.ndarray  # psi z of that synapse, [T]


def probe(
    learner: LocalLearner,
    spikes: Float[Tensor, "T 1 M"],
    label: Int[Tensor, "1"],
    *,
    hidden: int = 0,
    trace: TraceParams | None = None,
) -> Sample:
    """Present one sample and its errors, learn nothing, and record one neuron of a hidden layer."""
    net, soma = learner.net, learner.net.layers[hidden].neuron
    if not isinstance(soma, TwoCompartmentLIF):
        raise ValueError(f"the probe knows the two-compartment LIF, not {type(soma).__name__}")
    activity = net.roll(spikes)
    target = learner.readout.wished(label, net.classes).to(spikes.dtype)
    err = errors_over_time(learner.error, activity[-1].s, target)
    teach = apical_current(learner.teaching, activity, err, hidden)
    v_apical = apical_scan(soma, teach)[:, 0]
    layer = net.layers[hidden]
    s_pre = layer.arriving(spikes if hidden == 0 else activity[hidden - 1].s)
    psi, s = activity[hidden].psi[:, 0].float(), activity[hidden].s[:, 0]
    z = trace_scan(s_pre, trace or TraceParams())[:, 0]
    neuron = int((psi.sum(0) * (s.sum(0) > 0) * (v_apical.abs().sum(0) + 1e-9)).argmax())
    e = psi[:, neuron, None] * z
    synapse = int(e.sum(0).argmax())
    current = layer.current(s_pre)
    if layer.w_rec is not None:
        current = current + torch.nn.functional.linear(delayed(activity[hidden].s, 1), layer.w_rec)
    v = soma_voltages(soma, current[:, :, neuron : neuron + 1])[:, 0, 0]
    of_layers = [spikes[:, 0], *(population.s[:, 0] for population in activity)]
    return Sample(
        [population.cpu().numpy() for population in of_layers],
        hidden,
        neuron,
        synapse,
        v.cpu().numpy(),
        v_apical[:, neuron].cpu().numpy(),
        e[:, synapse].cpu().numpy(),
    )
