"""Properties of snnTorch models that a Network lacks: each is named, with its nearest form."""

from __future__ import annotations

import warnings

import pytest
import snntorch as snn
import torch
from torch import nn

from biograd.interop.snntorch import differences, from_snntorch


def leaky(beta=0.9, **changes):
    return snn.Leaky(beta, **{"reset_mechanism": "zero"} | changes)


def stack(*neurons, sizes=(784, 60, 40, 10), bias=True, seed=0):
    """A model with weights large enough to fire in every layer."""
    torch.manual_seed(seed)
    modules = []
    for fan_in, size, neuron in zip(sizes, sizes[1:], neurons, strict=False):
        linear = nn.Linear(fan_in, size, bias=bias)
        linear.weight.data *= 4
        modules += [linear, neuron]
    return nn.Sequential(*modules)


def test_weights_used_only_after_the_steps_are_named():
    class Readout(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.lif1, self.fc2 = nn.Linear(784, 40), leaky(), nn.Linear(40, 10)

        def forward(self, x):
            mem, total = self.lif1.reset_mem(), 0
            for _ in range(5):
                s, mem = self.lif1(self.fc1(x), mem)
                total = total + s
            return self.fc2(total)

    with pytest.raises(ValueError, match=r"fc2 \(Linear\): no spiking neuron after it"):
        from_snntorch(Readout())


def test_a_module_that_cannot_be_run_is_refused_with_its_own_reason():
    class TwoInputs(nn.Module):
        def __init__(self):
            super().__init__()
            self.flatten, self.fc, self.lif = nn.Flatten(), nn.Linear(784, 10), leaky()

        def forward(self, x, mem):
            raise NotImplementedError("not yet")

    with pytest.raises(ValueError, match=r"NotImplementedError: not yet.*sample="):
        from_snntorch(TwoInputs())


def test_every_difference_is_named_in_one_line_with_place_and_nearest_form():
    model = nn.Sequential(
        nn.Linear(6, 5),
        snn.Leaky(0.9, reset_delay=False),
        nn.Linear(5, 5),
        leaky(learn_beta=True, learn_threshold=True),
        nn.Dropout(0.2),
        nn.Linear(5, 5),
        leaky(torch.linspace(0.8, 0.9, 4)),
        nn.Linear(5, 4),
        snn.RLeaky(0.9, V=1.0, all_to_all=False, reset_mechanism="zero"),
        nn.Conv1d(1, 2, 3),
        nn.Linear(4, 3),
        leaky(state_quant=lambda x: x),
        nn.Linear(3, 3),
        snn.Synaptic(1.0, 0.9, reset_mechanism="zero", reset_delay=False),
        nn.Linear(3, 2),
    )
    with pytest.raises(ValueError) as refused:
        from_snntorch(model)
    line = str(refused.value)
    assert "\n" not in line
    for part in (
        "1 (Leaky): reset by subtraction without delay",
        "3 (Leaky): a learned beta; nearest: fixed",
        "3 (Leaky): a learned threshold; nearest: fixed",
        "4 (Dropout): dropout; nearest: left out",
        "6 (Leaky): beta of shape [4] for 5 neurons; nearest: one for all, or one per neuron, [5]",
        "8 (RLeaky): a delayed reset, dead for one step after a spike",
        "9 (Conv1d): not a part of a Network; nearest: nn.Linear",
        "11 (Leaky): quantised states",
        "13 (Synaptic): alpha = 1, no leak; nearest: alpha below 1",
        "14 (Linear): no spiking neuron after it",
    ):
        assert part in line
    assert len(differences(model)) == line.count("nearest:")


def test_inhibition_and_graded_output_are_named():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # snnTorch's own, about inhibition
        model = stack(leaky(0.8), leaky(0.9, inhibition=True), leaky(0.9, graded_spikes_factor=2.0))
    text = " | ".join(map(str, differences(model)))
    assert "3 (Leaky): inhibition" in text and "the output layer: graded spikes of 2" in text
    assert "0.8" not in text  # decays may differ between layers


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (nn.Sequential(nn.Linear(4, 2), nn.ReLU()), "1 (ReLU): not a part"),
        (nn.Sequential(nn.Flatten(), leaky()), "1 (Leaky): no nn.Linear before it"),
        (nn.Sequential(nn.Flatten()), "holds no layer"),
        (nn.Linear(3, 2), "no spiking neuron after it"),
        (nn.Sequential(nn.Linear(4, 2), leaky(threshold=0.0)), "a threshold of 0"),
        (
            nn.Sequential(nn.Linear(4, 2), leaky(threshold=torch.ones(3))),
            "threshold of shape [3] for 2 neurons",
        ),
        (nn.Sequential(nn.Linear(4, 2), leaky(spike_grad=torch.sigmoid)), "no step function"),
    ],
)
def test_no_nearest_form_is_taken_where_there_is_none(model, what):
    with pytest.raises(ValueError, match=r"nearest: ") as refused:
        from_snntorch(model, nearest=True)
    assert what in str(refused.value)


def test_setting_the_reset_of_a_made_neuron_changes_nothing():
    neuron = snn.Leaky(0.9)
    # snnTorch goes on subtracting: it chose its step function when the neuron was made.
    neuron.reset_mechanism = "zero"
    net = from_snntorch(nn.Sequential(nn.Linear(4, 2), neuron))
    assert net.neuron.params.reset == "subtract_late"
