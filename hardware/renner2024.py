"""The energy model compared with silicon: Renner et al.'s spiking backpropagation on Loihi.

Their network is 400-400-10 and learns MNIST.

Measured: Renner et al. 2024, Nature Communications 15:9691, Table 1: a training sample takes
0.59 mJ and 1.5 ms, an inference 0.0025 mJ and 0.17 ms (NxSDK energy probe, total minus host phase).

Counted here: operations of their public network (repository lanl/spikingBackprop,
network_topology_2layer.py): 12 steps per training sample and 4 per inference; three copies of W1
and of W2 and two of W2^T that learn (lr_w on every connection of type 'p'), populations gated one
after the other, input spikes at steps 1, 7 and 11.

Assumed, for lack of a figure: a quarter of the hidden neurons fires (10 % more of them change the
inference's operations by 1 %). Of the input, 100 of 400 pixels are on (MNIST training images cut
to 20 x 20 and thresholded at one half).

Not published: how often the learning engine visits which synapse. At least, those of neurons that
fired, in the two learning steps; at most, all at every step. That is a factor of 24, and the reason
why the training interval is wide.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .border.model import OperationCounts
from .energy import EnergyEstimate, EnergyProfile, Interval, estimate

MEASURED_TRAINING_J, MEASURED_TRAINING_S = 0.59e-3, 1.5e-3  # per sample; Renner 2024, Table 1
MEASURED_INFERENCE_J, MEASURED_INFERENCE_S = 2.5e-6, 0.17e-3

_INPUT, _HIDDEN, _OUTPUT = 400, 400, 10
_INPUT_ON, _HIDDEN_ON = 100, 100  # see the top of this file


class Comparison(NamedTuple):
    """One published figure and the model's."""

    what: str
    unit: str  # "J" or "s", per sample
    measured: float
    modelled: Interval
    explanation: str

    @property
    def ratio(self) -> float:
        """Middle of the modelled interval divided by the measured figure."""
        return self.modelled.middle / self.measured

    @property
    def inside(self) -> bool:
        """True if the measured figure lies in the modelled interval."""
        return self.modelled.low <= self.measured <= self.modelled.high


def compare(profile: EnergyProfile) -> list[Comparison]:
    """Compare energy and time of training and inference with the measurements, with reasons."""
    timed, clocked = inference(profile), inference(profile, seconds=MEASURED_INFERENCE_S)
    low, high = training(profile)
    low_clocked, high_clocked = training(profile, seconds=MEASURED_TRAINING_S)
    used = Interval(clocked.static.low, clocked.static.low)
    return [
        Comparison(
            "inference, energy",
            "J",
            MEASURED_INFERENCE_J,
            clocked.dynamic + used,
            "dynamic, and static of the cores used over the measured time. The whole chip's static"
            " power alone would be 18 µJ in 0.17 ms, so the published figure cannot include it."
            " Neurons of the gates and the spike generators are not counted.",
        ),
        Comparison(
            "inference, time",
            "s",
            MEASURED_INFERENCE_S,
            timed.seconds,
            "cores packed full, as our placement does. Their code spreads each population over up"
            " to 79 cores, where the cores' work would take a few microseconds; the x86 cores'"
            " injection of the input spikes has no published constant.",
        ),
        Comparison(
            "training, energy",
            "J",
            MEASURED_TRAINING_J,
            Interval(low_clocked.total.low, (high_clocked.total + high_clocked.x86).high),
            "dynamic, static and at most x86 over the measured time; the interval is how many"
            " synapses the engine visits.",
        ),
        Comparison(
            "training, time",
            "s",
            MEASURED_TRAINING_S,
            Interval(low.seconds.low, high.seconds.high),
            "cores packed full; the interval is how many synapses the learning engine visits."
            " Management phases are not modelled.",
        ),
    ]


def inference(profile: EnergyProfile, *, seconds: float | None = None) -> EnergyEstimate:
    """Estimate their inference net: input copy, hidden, output; each gated once in 4 steps."""
    counts = OperationCounts(
        synaptic_operations=_layers(
            _INPUT_ON + _INPUT, _INPUT_ON * _HIDDEN + _HIDDEN, _HIDDEN_ON * _OUTPUT + _OUTPUT
        ),
        active_updates=_layers(_INPUT, _HIDDEN, _OUTPUT),
        inactive_updates=_layers(3 * _INPUT, 3 * _HIDDEN, 3 * _OUTPUT),
        spikes=np.array([_INPUT_ON, _INPUT_ON, _HIDDEN_ON, 1]),
        messages=np.array([_INPUT_ON, 2 * _INPUT_ON, _HIDDEN_ON, 1]),
        synaptic_updates=_layers(0, 0, 0),
        samples=1,
        steps=4,
    )
    # 160,000 weights of 8 bit fill a core and a quarter
    return estimate(counts, cores=(1, 2, 1), profile=profile, seconds=seconds)


def training(
    profile: EnergyProfile, *, seconds: float | None = None
) -> tuple[EnergyEstimate, EnergyEstimate]:
    """Estimate their training net, with the fewest and with the most synaptic updates.

    Four groups: the input with its memories (x, m_x6, m_h1, c_h1), three hidden copies, seven
    output populations, and h1T.
    """
    hidden_copies, output_copies, transposed = 3, 3, 2
    memories, outputs = 4, 7
    # connections of type 'g*' into populations of 400
    gated = {"input": 6, "hidden": 21, "transposed": 7}
    operations = _layers(
        gated["input"] * _INPUT + 4 * _INPUT_ON,
        hidden_copies * 3 * _INPUT_ON * _HIDDEN + gated["hidden"] * _HIDDEN,
        output_copies * 3 * _HIDDEN_ON * _OUTPUT + 40 * _OUTPUT,
        # about one error neuron per sample and sign
        transposed * _HIDDEN + gated["transposed"] * _HIDDEN,
    )
    active = _layers(
        gated["input"] * _INPUT,
        gated["hidden"] * _HIDDEN,
        20 * _OUTPUT,
        gated["transposed"] * _HIDDEN,
    )
    neurons = _layers(memories * _INPUT, hidden_copies * _HIDDEN, outputs * _OUTPUT, _HIDDEN)
    spikes = np.array([_INPUT_ON, 5 * _INPUT_ON, 9 * _HIDDEN_ON, 10, 2 * _HIDDEN_ON])
    fewest = _layers(
        0,
        hidden_copies * 2 * _INPUT_ON * _HIDDEN,
        output_copies * 2 * _HIDDEN_ON * _OUTPUT,
        transposed * 2 * _HIDDEN,
    )
    all_updates = 12 * _layers(
        0,
        hidden_copies * _INPUT * _HIDDEN,
        output_copies * _HIDDEN * _OUTPUT,
        transposed * _OUTPUT * _HIDDEN,
    )
    low, high = (
        estimate(
            OperationCounts(
                synaptic_operations=operations,
                active_updates=active,
                inactive_updates=12 * neurons - active,
                spikes=spikes,
                # to the cores of the hidden copies, and one to one elsewhere
                messages=spikes * np.array([1, 9, 1, 1, 3]),
                synaptic_updates=updates,
                samples=1,
                steps=12,
            ),
            cores=(4, 9, 1, 1),  # 17 bits per plastic synapse: 3 cores per copy of W1
            profile=profile,
            seconds=seconds,
        )
        for updates in (fewest, all_updates)
    )
    return low, high


def _layers(*counts: int) -> np.ndarray:
    return np.array([0, *counts])  # entry 0 is the spike generators, which do not compute
