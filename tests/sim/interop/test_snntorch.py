"""snnTorch models as Networks: the same spikes, and every thing that cannot be the same named."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import numpy as np
import pytest
import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn

from biograd.data.samples import encode
from biograd.encoders import integrate_and_fire
from biograd.interop.snntorch import differences, from_snntorch, to_snntorch
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams

IMAGES = np.load(Path(__file__).parents[2] / "mnist_test_images.npz")


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


def their_spikes(model, spikes):
    """The model rolled by hand, step by step, as snnTorch's tutorials do."""
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
# powers of two divide exactly; at 0.7 the last bit is rounded
@pytest.mark.parametrize("threshold", [1.0, 0.5, 2.0, 0.7])
@pytest.mark.parametrize("bias", [True, False])
def test_a_converted_model_fires_the_same_spikes(make, threshold, bias):
    model = stack(
        make(threshold=threshold), make(threshold=threshold), make(threshold=threshold), bias=bias
    )
    spikes = image_spikes()
    ours, theirs = from_snntorch(model)(spikes), their_spikes(model, spikes)
    assert 0.005 < theirs.mean() < 0.995
    assert torch.equal(ours, theirs)


def test_the_reset_delay_of_leaky_changes_no_spike_and_that_of_synaptic_does():
    spikes = image_spikes(20)
    for make, same in ((leaky, True), (synaptic, False)):
        now = stack(*(make(reset_delay=False) for _ in range(3)))
        later = stack(*(make(reset_delay=True) for _ in range(3)))
        assert torch.equal(their_spikes(now, spikes), their_spikes(later, spikes)) == same
    with pytest.raises(
        ValueError,
        match=r"1 \(Synaptic\): a delayed reset, dead for one step .* nearest: reset_delay=False",
    ):
        from_snntorch(later)


def test_each_neuron_may_have_a_threshold_of_its_own():
    thresholds = torch.tensor([0.25, 0.5, 1.0, 2.0]).repeat(15)
    model = stack(leaky(threshold=thresholds), leaky(), leaky())
    spikes = image_spikes()
    assert torch.equal(from_snntorch(model)(spikes), their_spikes(model, spikes))


def test_graded_spikes_of_a_hidden_layer_go_into_the_next_weights():
    model = stack(leaky(graded_spikes_factor=0.5), leaky(), leaky())
    spikes = image_spikes()
    assert torch.equal(from_snntorch(model)(spikes), their_spikes(model, spikes))


def test_the_surrogate_plays_no_part():
    spikes = image_spikes(20)
    one = from_snntorch(stack(*(leaky(spike_grad=surrogate.fast_sigmoid()) for _ in range(3))))
    other = from_snntorch(stack(*(leaky() for _ in range(3))))
    assert torch.equal(one(spikes), other(spikes))


class Tutorial(nn.Module):
    """The form of snnTorch's tutorials, defined in another order than it runs."""

    def __init__(self, reset_mechanism="zero"):
        super().__init__()
        torch.manual_seed(1)
        self.lif2 = snn.Leaky(beta=0.95, reset_mechanism=reset_mechanism)
        self.lif1 = snn.Leaky(beta=0.95, reset_mechanism=reset_mechanism)
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
        theirs = model(spikes)
    assert theirs.mean() > 0.005 and torch.equal(net(spikes), theirs)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


# whether the first weights are used once, before the steps, or at every one
@pytest.mark.parametrize("once", [True, False])
def test_one_neuron_module_may_serve_several_layers_and_a_constant_current_be_worked_out_once(once):
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
        theirs = model(x)
    assert theirs.mean() > 0.005 and torch.equal(
        from_snntorch(model)(x.expand(10, 50, 784)), theirs
    )


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


def test_everything_a_network_cannot_be_is_named_in_one_line_with_place_and_nearest_form():
    model = nn.Sequential(
        nn.Linear(6, 5),
        snn.Leaky(0.9),
        nn.Linear(5, 5),
        leaky(learn_beta=True, learn_threshold=True),
        nn.Dropout(0.2),
        nn.Linear(5, 5),
        leaky(torch.linspace(0.8, 0.9, 5)),
        nn.Linear(5, 4),
        snn.RLeaky(0.9, V=1.0, all_to_all=False, reset_mechanism="zero"),
        nn.Conv2d(1, 2, 3),
        nn.Linear(4, 3),
        leaky(state_quant=lambda x: x),
        nn.Linear(3, 3),
        leaky(1.0),
        nn.Linear(3, 2),
    )
    with pytest.raises(ValueError) as refused:
        from_snntorch(model)
    line = str(refused.value)
    assert "\n" not in line
    for part in (
        "1 (Leaky): reset by subtraction; nearest: reset_mechanism='zero'",
        "3 (Leaky): a learned beta; nearest: fixed",
        "3 (Leaky): a learned threshold; nearest: fixed",
        "4 (Dropout): dropout; nearest: left out",
        "6 (Leaky): beta from 0.8 to 0.9; nearest: one beta for all, their mean 0.85",
        "8 (RLeaky): not a part of a Network; nearest: snn.Leaky without the recurrent weights",
        "9 (Conv2d): not a part of a Network; nearest: nn.Linear",
        "11 (Leaky): quantised states",
        "13 (Leaky): beta = 1, no leak; nearest: beta below 1",
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
            "3 thresholds for 2 neurons",
        ),
        (nn.Sequential(nn.Linear(4, 2), leaky(spike_grad=torch.sigmoid)), "no step function"),
    ],
)
def test_no_nearest_form_is_taken_where_there_is_none(model, what):
    with pytest.raises(ValueError, match=r"nearest: ") as refused:
        from_snntorch(model, nearest=True)
    assert what in str(refused.value)


def test_the_nearest_form_is_taken_on_demand_and_said():
    model = Tutorial(reset_mechanism="subtract")
    with pytest.raises(ValueError, match="nearest=True"):
        from_snntorch(model)
    with pytest.warns(UserWarning, match=r"nearest form: lif1 \(Leaky\): reset by subtraction"):
        net = from_snntorch(model, nearest=True)
    assert torch.equal(net(image_spikes(20)), from_snntorch(Tutorial())(image_spikes(20)))


def test_setting_the_reset_of_a_made_neuron_is_seen_through():
    neuron = snn.Leaky(0.9)
    # snnTorch goes on subtracting: it chose its step function before
    neuron.reset_mechanism = "zero"
    assert "reset by subtraction" in str(differences(nn.Sequential(nn.Linear(4, 2), neuron))[0])


def test_other_constants_of_the_neuron_can_be_named():
    net = from_snntorch(
        stack(leaky(), leaky(), leaky()), params=TwoCompartmentParams(window=0.5, alpha_a=0.25)
    )
    assert isinstance(net.neuron, TwoCompartmentLIF)
    assert (net.neuron.params.window, net.neuron.params.alpha_a, net.neuron.params.alpha_u) == (
        0.5,
        0.25,
        0.0,
    )
    assert net.neuron.params.alpha_v == torch.tensor(0.9).item()  # float32, as snnTorch keeps it


@pytest.mark.parametrize("alpha_u", [0.0, 0.5])
def test_a_network_goes_to_snntorch_and_comes_back(alpha_u):
    generator = torch.Generator().manual_seed(3)
    net = Network(
        (784, 50, 10),
        neuron=TwoCompartmentLIF(TwoCompartmentParams(alpha_u=alpha_u, alpha_v=0.8)),
        generator=generator,
    )
    for layer in net.layers:
        layer.b.uniform_(-0.1, 0.2, generator=generator)
    spikes, ours = image_spikes(), net(image_spikes())
    model = to_snntorch(net)
    theirs = torch.stack([model(s) for s in spikes])
    assert 0.01 < ours.mean() < 0.99 and torch.equal(theirs.detach(), ours)
    again = from_snntorch(model)
    assert all(
        torch.equal(a.w, b.w) and torch.equal(a.b, b.b)
        for a, b in zip(net.layers, again.layers, strict=True)
    )
    assert torch.equal(again(spikes), ours)
    theirs.sum().backward()
    assert model.fc1.weight.grad.abs().sum() > 0  # it trains on there
