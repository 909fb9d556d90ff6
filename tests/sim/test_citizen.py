"""A Network is a module like any other in PyTorch: copied, saved, moved, optimized, clipped and
measured by the usual tools.
"""

from __future__ import annotations

import copy
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from biograd.data.samples import Batch, encode
from biograd.encoders import integrate_and_fire
from biograd.errors import ClassWeighted, SignedSpikes
from biograd.feedback import RandomDFA, SleepAligned, Symmetric
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.rules import Eligibility
from biograd.training.evaluation import evaluate

SOME = np.load(Path(__file__).parents[1] / "mnist_test_images.npz")
IMAGES = Batch(
    torch.from_numpy(SOME["train_x"]), torch.from_numpy(SOME["train_y"].astype(np.int64))
)
SPIKES = encode(IMAGES.x[:40], integrate_and_fire, 6)


def network(seed=0):
    return Network((784, 30, 10), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("make", [lambda net: net, RandomDFA, SleepAligned])
def test_modules_are_copied_and_saved_without_pickled_code(make):
    module = make(network())
    twin = copy.deepcopy(module)
    memory = io.BytesIO()
    torch.save(module.state_dict(), memory)
    memory.seek(0)
    other = make(network(seed=1))
    other.load_state_dict(torch.load(memory, weights_only=True))
    for name, value in module.state_dict().items():
        assert torch.equal(value, twin.state_dict()[name]) and torch.equal(
            value, other.state_dict()[name]
        )
        assert value.data_ptr() != twin.state_dict()[name].data_ptr()


def test_a_copied_network_learns_alone():
    net = network()
    twin = copy.deepcopy(net)
    LocalLearner(twin, RandomDFA(twin)).step(SPIKES, IMAGES.y[:40])
    torch.optim.SGD(twin.parameters(), lr=0.1).step()
    assert not torch.equal(net.layers[0].w, twin.layers[0].w) and net.layers[0].w.grad is None


def test_a_network_in_double_precision_learns_the_same():
    single, double = network(), network().double()
    for net in (single, double):
        torch.manual_seed(0)
        LocalLearner(net, RandomDFA(net).to(net.layers[0].w.dtype)).step(
            SPIKES.to(net.layers[0].w.dtype), IMAGES.y[:40]
        )
    assert double.layers[0].w.grad.dtype == torch.float64
    for a, b in zip(single.layers, double.layers, strict=True):
        assert torch.allclose(a.w.grad.double(), b.w.grad, atol=1e-6)


@pytest.mark.parametrize(
    "optimizer", ["SGD", "Adam", "AdamW", "RMSprop", "NAdam", "RAdam", "Adamax"]
)
def test_any_optimizer_and_scheduler_trains_in_a_loop_of_ones_own(optimizer):
    torch.manual_seed(0)
    net = network()
    learner = LocalLearner(net, Symmetric(net))
    lr = 0.3 if optimizer == "SGD" else 4e-3
    groups = [
        {"params": net.layers[0].parameters()},
        {"params": net.layers[1].parameters(), "lr": lr / 2},
    ]
    opt = getattr(torch.optim, optimizer)(groups, lr=lr)
    loader = DataLoader(
        TensorDataset(*IMAGES),
        batch_size=50,
        shuffle=True,
        generator=torch.Generator().manual_seed(0),
    )
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        opt, [group["lr"] for group in opt.param_groups], total_steps=3 * len(loader)
    )
    for _ in range(3):
        for x, y in loader:
            result = learner.step(encode(x, integrate_and_fire, 6), y)
            norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
            scheduler.step()
            assert (
                result.predicted.dtype == torch.int64
                and result.predicted.shape == y.shape
                and norm.isfinite()
            )
    assert evaluate(net, IMAGES, steps=6).test_accuracy > 0.3  # chance is 0.1


def test_a_steps_predictions_follow_from_the_output_counts():
    net = network()
    predicted = LocalLearner(net, RandomDFA(net)).step(SPIKES, IMAGES.y[:40]).predicted
    counts = net(SPIKES).sum(0)
    assert torch.equal(counts.gather(1, predicted[:, None])[:, 0], counts.amax(1))


@pytest.mark.parametrize("order", ["layer", "online"])
def test_class_weights_mean_the_same_in_every_order(order):
    weights = torch.linspace(0.5, 2.0, 10)
    net = network()
    feedback = RandomDFA(net, generator=torch.Generator().manual_seed(0))
    LocalLearner(
        net, feedback, error=ClassWeighted(SignedSpikes(), weights), rule=Eligibility(), order=order
    ).step(SPIKES, IMAGES.y[:40])
    gradients = [layer.w.grad.clone() for layer in net.layers]
    wanted = [torch.zeros_like(layer.w) for layer in net.layers]
    for sample in range(40):  # each sample alone, weighted by hand
        LocalLearner(net, feedback, order="online").step(
            SPIKES[:, sample : sample + 1], IMAGES.y[sample : sample + 1]
        )
        for total, layer in zip(wanted, net.layers, strict=True):
            total += weights[IMAGES.y[sample]] * layer.w.grad / 40
    for a, b in zip(gradients, wanted, strict=True):
        assert torch.allclose(a, b, atol=1e-6)
