"""One trained net in the simulator's floats, in the emulator's integers, and in Lava.

Their differences stay within bounds, and constants that stand on both sides are equal.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from biograd.data.datasets import ImageSet
from biograd.data.samples import encode
from biograd.drawing import html
from biograd.encoders import ENCODERS
from biograd.errors import ERRORS
from biograd.interop.nir import to_model
from biograd.learning.learner import LocalLearner
from biograd.network import Network, read_out
from biograd.neurons import TwoCompartmentParams
from biograd.runs.config import RunConfig
from biograd.runs.networks import build_network
from biograd.runs.optimizers import OPTIMIZERS
from biograd.traces import TraceParams
from biograd.training.trainer import Trainer, TrainParams
from hardware import emulator, targets
from hardware.border.model import LayerModel, SpikeInput
from hardware.fixed_point import FixedPointModel, quantise

IMAGES = np.load(Path(__file__).parent / "mnist_test_images.npz")
STEPS = 10


@pytest.fixture(scope="module")
def trained() -> tuple[Network, FixedPointModel, SpikeInput]:
    """784-256-256-10 after 12 epochs on 700 images: net, calibrated integers, 300 test samples."""
    config = RunConfig(epochs=12, batch=50, steps=STEPS, threads=1)
    images = ImageSet(
        "mnist",
        "train",
        torch.from_numpy(IMAGES["train_x"]),
        torch.from_numpy(IMAGES["train_y"]).long(),
        10,
    )
    net, feedback = build_network(config, images, torch.Generator().manual_seed(0))
    learner = LocalLearner(net, feedback, error=ERRORS[config.error](), threads=1)
    optimizer = OPTIMIZERS["adam"](list(net.parameters()), config)
    for _ in Trainer(
        learner,
        optimizer,
        images,
        params=TrainParams(epochs=config.epochs, batch=config.batch, steps=STEPS),
    ).run():
        pass
    model = to_model(net, feedback, steps=STEPS, encoder=config.encoder, info={})
    return net, quantise(model, calibration=spikes_of("train", 200)), spikes_of("test", 300)


def spikes_of(split: str, count: int) -> SpikeInput:
    x = encode(
        torch.from_numpy(IMAGES[f"{split}_x"][:count]), ENCODERS["integrate_and_fire"], STEPS
    )
    return SpikeInput(
        spikes=x.numpy().astype(np.uint8), labels=IMAGES[f"{split}_y"][:count].astype(np.int64)
    )


@pytest.mark.slow
def test_integers_answer_as_floats_do(trained):
    """A fully trained net loses at most 0.2 points on 10,000 images.

    This one is half trained, and decides many of 300 images by a single spike.
    """
    net, fixed, spikes = trained
    floats = read_out(net(torch.from_numpy(spikes.spikes).float())).numpy()
    integers = emulator.run(fixed, spikes)
    right = (floats == spikes.labels).mean()
    assert right > 0.8  # an untrained net would agree by chance
    assert abs(integers.accuracy(spikes.labels) - right) <= 5 / 300
    assert (integers.predictions == floats).mean() >= 0.96


@pytest.mark.slow
def test_the_first_layers_voltages_differ_by_no_more_than_rounding(trained):
    """Until a neuron's first spike, only rounded weights and decays differ."""
    net, fixed, spikes = trained
    layer, chip_layer = net.layers[0], fixed.layers[0]
    x = torch.from_numpy(spikes.spikes[:, :50]).float()
    current = layer.current(x)
    u, v, voltages = torch.zeros_like(current[0]), torch.zeros_like(current[0]), []
    for t in range(STEPS):
        u = 0.5 * u + current[t]
        v = 0.75 * v + u
        voltages.append(v)
    subthreshold = torch.stack(voltages)
    silent = (torch.cummax(subthreshold, dim=0).values < 0.9).numpy()
    result = emulator.run(fixed, SpikeInput(spikes=spikes.spikes[:, :50]), record="v")
    difference = np.abs(result.v[0] / (chip_layer.vth * 64) - subthreshold.numpy())[silent]
    # Each of at most 784 weights is off by half a step of 2 / vth (rms 1 / sqrt(12) of it); a spike
    # adds 8 of its weight to v over time. Errors of different weights are independent, so they add
    # as their root: 6 standard deviations of 784 of them.
    bound = 6 * np.sqrt(784 / 12) * 2 * chip_layer.scale * 8
    assert silent.mean() > 0.1 and 0 < difference.max() < bound
    assert np.median(difference) < 0.05


@pytest.mark.slow
@pytest.mark.usefixtures("lava")
def test_every_step_of_20_images_is_equal_on_lava(trained):
    _, fixed, spikes = trained
    few = SpikeInput(spikes=spikes.spikes[:, :20])
    emulated, lavas = (
        targets.run(fixed, few, target, record="uvs") for target in ("emulator", "lava")
    )
    assert all(s.any() for s in emulated.s)
    for name in ("u", "v", "s"):
        for number, (a, b) in enumerate(
            zip(getattr(emulated, name), getattr(lavas, name), strict=True), start=1
        ):
            assert np.array_equal(a, b), f"{name} of layer {number}"


@pytest.mark.slow
@pytest.mark.usefixtures("lava")
def test_the_counts_of_300_streamed_images_are_equal_on_lava(trained):
    _, fixed, spikes = trained
    emulated, lavas = (targets.run(fixed, spikes, target) for target in ("emulator", "lava"))
    assert emulated.counts.shape == (300, 10)
    assert np.array_equal(emulated.counts, lavas.counts)


def test_a_models_default_constants_are_the_simulators():
    layer = LayerModel(w=np.ones((1, 1)), bias=np.zeros(1))
    simulated = vars(TwoCompartmentParams())
    # models know no other reset and slope: `to_model` refuses them
    assert (simulated.pop("reset"), simulated.pop("surrogate")) == ("zero", "rectangular")
    for name, value in simulated.items():
        assert getattr(layer, name) == value, name


def test_the_pages_default_traces_are_the_simulators():
    assert vars(TraceParams()) | html._TRACE == vars(TraceParams())
