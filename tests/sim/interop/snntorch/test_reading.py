"""snnTorch models as Networks: the same spikes, whatever style the model is written in."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn

from biograd.data.samples import encode
from biograd.encoders import integrate_and_fire
from biograd.interop.snntorch import from_snntorch
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams

IMAGES = np.load(Path(__file__).parents[3] / "mnist_test_images.npz")


def leaky(beta=0.9, **changes):
    return snn.Leaky(beta, **{"reset_mechanism": "zero"} | changes)


def synaptic(alpha=0.5, beta=0.9, **changes):
    return snn.Synaptic(alpha, beta, **{"reset_mechanism": "zero", "reset_delay": False} | changes)


def stack(*neurons, sizes=(784, 60, 40, 10), bias=True, seed=0):
    """A model with weights large enough to fire in every layer."""
    torch.manual_seed(seed)
    modules = []
    for fan_in, size, neuron in zip(sizes, sizes[1:], neurons, strict=False):
        linear = nn.Linear(fan_in, size, bias=bias)
        linear.weight.data *= 4
        modules += [linear, neuron]
    return nn.Sequential(*modules)


def snntorch_spikes(model, spikes):
    """The model's spikes, step by step, as snnTorch's tutorials run it."""
    states, out = {}, []
    with torch.no_grad():
        for s in spikes:
            for name, module in model.named_children():
                if isinstance(module, snn.SpikingNeuron):
                    first = module.reset_mem()
                    first = first if isinstance(first, tuple) else (first,)
                    s, *states[name] = module(s, *states.get(name, first))
                else:
                    s = module(s)
            out.append(s)
    return torch.stack(out)


def image_spikes(count=100, steps=25):
    return encode(torch.from_numpy(IMAGES["test_x"][:count]), integrate_and_fire, steps)


@pytest.mark.parametrize("make", [leaky, synaptic])
# Powers of two divide exactly; at 0.7 the last bit is rounded.
@pytest.mark.parametrize("threshold", [1.0, 0.5, 2.0, 0.7])
@pytest.mark.parametrize("bias", [True, False])
def test_a_converted_model_fires_the_same_spikes(make, threshold, bias):
    model = stack(
        make(threshold=threshold), make(threshold=threshold), make(threshold=threshold), bias=bias
    )
    spikes = image_spikes()
    expected = snntorch_spikes(model, spikes)
    assert 0.005 < expected.mean() < 0.995
    assert torch.equal(from_snntorch(model)(spikes), expected)


def test_the_reset_delay_of_leaky_changes_no_spike_and_that_of_synaptic_does():
    spikes = image_spikes(20)
    for make, same in ((leaky, True), (synaptic, False)):
        now = stack(*(make(reset_delay=False) for _ in range(3)))
        later = stack(*(make(reset_delay=True) for _ in range(3)))
        assert torch.equal(snntorch_spikes(now, spikes), snntorch_spikes(later, spikes)) == same
    with pytest.raises(
        ValueError,
        match=r"1 \(Synaptic\): a delayed reset, dead for one step .* nearest: reset_delay=False",
    ):
        from_snntorch(later)


def test_each_neuron_may_have_its_own_threshold():
    thresholds = torch.tensor([0.25, 0.5, 1.0, 2.0]).repeat(15)
    model = stack(leaky(threshold=thresholds), leaky(), leaky())
    spikes = image_spikes()
    assert torch.equal(from_snntorch(model)(spikes), snntorch_spikes(model, spikes))


def test_graded_spikes_of_a_hidden_layer_go_into_the_next_weights():
    model = stack(leaky(graded_spikes_factor=0.5), leaky(), leaky())
    spikes = image_spikes()
    assert torch.equal(from_snntorch(model)(spikes), snntorch_spikes(model, spikes))


def test_the_surrogate_gradient_is_not_used():
    spikes = image_spikes(20)
    sigmoid = from_snntorch(stack(*(leaky(spike_grad=surrogate.fast_sigmoid()) for _ in range(3))))
    default = from_snntorch(stack(*(leaky() for _ in range(3))))
    assert torch.equal(sigmoid(spikes), default(spikes))


class Tutorial(nn.Module):
    """The form of snnTorch's tutorials, defined in another order than it runs."""

    def __init__(self, reset_mechanism="zero", **options):
        super().__init__()
        torch.manual_seed(1)
        self.lif2 = snn.Leaky(beta=0.95, reset_mechanism=reset_mechanism)
        self.lif1 = snn.Leaky(beta=0.95, reset_mechanism=reset_mechanism, **options)
        self.fc2 = nn.Linear(50, 50)
        self.fc1 = nn.Linear(784, 50)
        self.fc3 = nn.Linear(50, 10)
        self.lif3 = snn.Leaky(beta=0.95, reset_mechanism=reset_mechanism)

    def forward(self, x):
        mem1, mem2, mem3 = self.lif1.reset_mem(), self.lif2.reset_mem(), self.lif3.reset_mem()
        recorded = []
        for step in range(25):
            s = x[step] if x.dim() == 3 else x
            spk1, mem1 = self.lif1(self.fc1(s), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spk3, mem3 = self.lif3(self.fc3(spk2), mem3)
            recorded.append(spk3)
        return torch.stack(recorded)


def test_a_module_is_read_in_the_order_in_which_it_runs():
    model, spikes = Tutorial(), image_spikes()
    for fc in (model.fc1, model.fc2, model.fc3):
        fc.weight.data *= 4
    before = copy.deepcopy(model.state_dict())
    net = from_snntorch(model)
    assert net.sizes == (784, 50, 50, 10)
    with torch.no_grad():
        expected = model(spikes)
    assert expected.mean() > 0.005 and torch.equal(net(spikes), expected)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


# The first weights are used once, before the steps, or at every step.
@pytest.mark.parametrize("once", [True, False])
def test_a_neuron_module_may_serve_several_layers_and_a_current_be_computed_once(once):
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(2)
            self.lif, self.fc1, self.fc2 = leaky(0.8), nn.Linear(784, 40), nn.Linear(40, 10)
            self.fc1.weight.data *= 4
            self.fc2.weight.data *= 4

        def forward(self, x):
            mem1, mem2, out, current = torch.zeros(len(x), 40), torch.zeros(len(x), 10), [], None
            for _ in range(10):
                current = self.fc1(x) if current is None or not once else current
                s, mem1 = self.lif(current, mem1)
                s, mem2 = self.lif(self.fc2(s), mem2)
                out.append(s)
            return torch.stack(out)

    model, x = Shared(), torch.from_numpy(IMAGES["test_x"][:50]).flatten(1) / 255
    with torch.no_grad():
        expected = model(x)
    assert expected.mean() > 0.005
    assert torch.equal(from_snntorch(model)(x.expand(10, 50, 784)), expected)


def test_the_nearest_form_is_taken_on_demand_with_a_warning():
    model = Tutorial(learn_beta=True)
    with pytest.raises(ValueError, match="nearest=True"):
        from_snntorch(model)
    with pytest.warns(UserWarning, match=r"nearest form: lif1 \(Leaky\): a learned beta"):
        net = from_snntorch(model, nearest=True)
    assert torch.equal(net(image_spikes(20)), from_snntorch(Tutorial())(image_spikes(20)))


def test_other_constants_of_the_neuron_can_be_named():
    net = from_snntorch(
        stack(leaky(), leaky(), leaky()), params=TwoCompartmentParams(window=0.5, alpha_a=0.25)
    )
    assert isinstance(net.neuron, TwoCompartmentLIF)
    p = net.neuron.params
    assert (p.window, p.alpha_a, p.alpha_u) == (0.5, 0.25, 0.0)
    assert p.alpha_v == torch.tensor(0.9).item()  # float32, as snnTorch keeps it
