"""The computation of a model's forward is observed, not guessed from its list of modules."""

from __future__ import annotations

import pytest
import snntorch as snn
import torch
from torch import nn
from torch.nn import functional

from biograd.interop.snntorch.tracing import spikes_that_differ, trace_forward
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams


class Chain(nn.Module):
    """20-20-5 with hidden states; subclasses say in `between` what else happens on the way."""

    def __init__(self, init_hidden: bool = True):
        super().__init__()
        torch.manual_seed(1)
        kind = {"beta": 0.9, "reset_mechanism": "zero", "init_hidden": init_hidden}
        self.fc1, self.lif1 = nn.Linear(20, 20), snn.Leaky(**kind)
        self.fc2, self.lif2 = nn.Linear(20, 5), snn.Leaky(**kind)
        self.own = nn.Parameter(torch.rand(20))
        self.fc1.weight.data *= 3
        self.fc2.weight.data *= 5

    def forward(self, x):
        return self.lif2(self.fc2(self.lif1(self.fc1(x))))


class Loop(Chain):
    """The same, the steps inside forward: `step` is overridden."""

    def __init__(self):
        super().__init__(init_hidden=False)

    def forward(self, x):
        self.mem1, self.mem2 = self.lif1.reset_mem(), self.lif2.reset_mem()
        self.before = torch.zeros(x.shape[1], 20)
        return torch.stack([self.step(x, t) for t in range(len(x))])

    def step(self, x, t):
        s, self.mem1 = self.lif1(self.fc1(x[t]), self.mem1)
        out, self.mem2 = self.lif2(self.fc2(s), self.mem2)
        return out


def leaves(model):
    return {
        name: module
        for name, module in model.named_modules()
        if name and (isinstance(module, snn.SpikingNeuron) or not list(module.children()))
    }


def traced(model, sample=None):
    return trace_forward(model, leaves(model), sample)


ORDER = ["fc1", "lif1", "fc2", "lif2"]


class FixedSteps(Loop):
    def forward(self, x):
        self.mem1, self.mem2 = self.lif1.reset_mem(), self.lif2.reset_mem()
        return torch.stack([self.step(x, t) for t in range(25)])


class BatchFirst(Loop):
    def forward(self, x):
        return super().forward(x.transpose(0, 1)).transpose(0, 1)


class LayerByLayer(Loop):
    def forward(self, x):
        current, mem, spikes, out = self.fc1(x), self.lif1.reset_mem(), [], []
        for t in range(len(x)):
            s, mem = self.lif1(current[t], mem)
            spikes.append(s)
        current, mem = self.fc2(torch.stack(spikes)), self.lif2.reset_mem()
        for t in range(len(x)):
            s, mem = self.lif2(current[t], mem)
            out.append(s)
        return torch.stack(out)


class ConstantCurrent(Loop):
    def forward(self, x):
        mem1, mem2, out = self.lif1.reset_mem(), self.lif2.reset_mem(), []
        current = self.fc1(x)
        for _ in range(10):
            s, mem1 = self.lif1(current, mem1)
            s, mem2 = self.lif2(self.fc2(s), mem2)
            out.append(s)
        return torch.stack(out)


class StatesByHand(Loop):
    def forward(self, x, mem1, mem2):
        s, mem1 = self.lif1(self.fc1(x), mem1)
        s, mem2 = self.lif2(self.fc2(s), mem2)
        return s, mem1, mem2


class StepCount(Loop):
    def forward(self, x, steps):
        return super().forward(x.expand(steps, *x.shape))


class Image(Chain):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(16, 20)

    def forward(self, x):
        batch, _, _, _ = x.shape
        return super().forward(x.view(batch, -1))


@pytest.mark.parametrize(
    "kind",
    [
        Chain,
        Loop,
        FixedSteps,
        BatchFirst,
        LayerByLayer,
        ConstantCurrent,
        StatesByHand,
        StepCount,
        Image,
    ],
)
def test_a_plain_chain_is_recognised_in_whatever_style_it_is_written(kind):
    model = kind()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trace = traced(model)
    assert trace.called == ORDER
    assert trace.problems == [] and trace.failure == ""
    steps, batch, width = trace.received["fc1"].shape
    assert width == model.fc1.in_features and trace.spikes["fc2"].shape == (steps, batch, 5)
    assert steps * batch > 8 and 0 < trace.spikes["fc1"].mean() < 1
    assert model.training  # the mode is given back, and so are the states
    after = model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


class Skip(Chain):
    def forward(self, x):
        return self.lif2(self.fc2(self.lif1(self.fc1(x)) + x))


class Gain(Chain):
    def forward(self, x):
        return self.lif2(self.fc2(self.lif1(self.fc1(x) * 0.5)))


class Rectified(Chain):
    def forward(self, x):
        return self.lif2(self.fc2(self.lif1(functional.relu(self.fc1(x)))))


class Normed(Chain):
    def forward(self, x):
        return self.lif2(self.fc2(self.lif1(functional.layer_norm(self.fc1(x), (20,)))))


class OwnBias(Chain):
    def forward(self, x):
        return self.lif2(self.fc2(self.lif1(self.fc1(x) + self.own)))


class Masked(Chain):
    def forward(self, x):
        return self.lif2(self.fc2(self.lif1(self.fc1(x)) * (self.own > 0.5)))


class NormedInput(Chain):
    def forward(self, x):
        return super().forward((x - 0.1307) / 0.3081)


class Lateral(Loop):
    def step(self, x, t):
        current = self.fc1(x[t]) + self.before @ torch.eye(20)
        self.before, self.mem1 = self.lif1(current, self.mem1)
        out, self.mem2 = self.lif2(self.fc2(self.before), self.mem2)
        return out


class Delayed(Loop):
    def step(self, x, t):
        s, self.mem1 = self.lif1(self.fc1(x[t]), self.mem1)
        out, self.mem2 = self.lif2(self.fc2(self.before), self.mem2)
        self.before = s
        return out


class LateInput(Loop):
    def step(self, x, t):
        return super().step(x, t - 1)


class Beside(Loop):
    def step(self, x, t):
        _, self.mem1 = self.lif1(self.fc1(x[t]), self.mem1)
        out, self.mem2 = self.lif2(self.fc2(x[t]), self.mem2)
        return out


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        (Skip, "fc2"),
        (Gain, "lif1"),
        (Rectified, "lif1"),
        (Normed, "lif1"),
        (OwnBias, "lif1"),
        (Masked, "fc2"),
        (NormedInput, "fc1"),
        (Lateral, "lif1"),
        (Delayed, "fc2"),
        (LateInput, "fc1"),
        (Beside, "fc2"),
    ],
)
def test_whatever_forward_does_between_the_modules_is_named_with_its_place(kind, place):
    trace = traced(kind())
    assert trace.problems and trace.problems[0][0] == place


def test_a_model_that_cannot_be_run_says_why_and_runs_on_a_sample_of_the_users():
    class Picky(Loop):
        def forward(self, x):
            if x.shape != (40, 7, 20):
                raise ValueError("40 steps of 7 samples only")
            return super().forward(x)

    assert "40 steps of 7 samples only" in traced(Picky()).failure
    trace = traced(Picky(), sample=(torch.rand(40, 7, 20),))
    assert trace.failure == "" and trace.problems == [] and trace.called == ORDER


def as_network(model, alpha_v):
    net = Network(
        (20, 20, 5), neuron=TwoCompartmentLIF(TwoCompartmentParams(alpha_u=0.0, alpha_v=alpha_v))
    )
    for layer, linear in zip(net.layers, (model.fc1, model.fc2), strict=True):
        layer.w.copy_(linear.weight.detach())
        layer.b.copy_(linear.bias.detach())
    return net


def test_spikes_of_a_network_with_other_constants_differ_and_are_counted_by_layer():
    model = Loop()
    trace = traced(model)
    beta = torch.tensor(0.9).item()
    assert spikes_that_differ(as_network(model, beta), trace, ["fc1", "fc2"]) == {}
    assert spikes_that_differ(as_network(model, 0.5), trace, ["fc1", "fc2"]).keys() == {
        "fc1",
        "fc2",
    }
    other = as_network(model, beta)
    other.layers[1].b += 0.2
    assert spikes_that_differ(other, trace, ["fc1", "fc2"]).keys() == {"fc2"}
