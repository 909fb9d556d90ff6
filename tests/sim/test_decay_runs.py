"""Networks whose layers have different decays, in files, on the chip, and in runs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import snntorch
import torch
from snntorch.utils import reset
from torch import Tensor, nn

from biograd.commands import cli
from biograd.interop.nir import from_nir, to_model, to_nir
from biograd.interop.snntorch import differences, from_snntorch, to_snntorch
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams, lif_params
from biograd.runs.checkpoint import RunFolder
from biograd.runs.config import RunConfig
from biograd.runs.config_files import read_config
from biograd.runs.experiment import Experiment
from biograd.training.trainer import Trainer
from hardware import emulator
from hardware.border.model import SpikeInput
from hardware.fixed_point import quantise

SIZES, T, BATCH = (9, 15, 11, 4), 12, 6


ALPHAS = ((0.0, 0.9), (0.5, 0.75), (0.25, 0.5))  # u and v of each layer


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_net(**others: float) -> Network:
    """A network whose every layer fires."""
    constants = [
        TwoCompartmentParams(alpha_u=alpha_u, alpha_v=alpha_v, **others)
        for alpha_u, alpha_v in ALPHAS
    ]
    net = Network(
        SIZES, neuron=[TwoCompartmentLIF(params) for params in constants], generator=seeded(0)
    )
    for layer in net.layers:
        layer.w *= 1.5
        layer.b.uniform_(-0.1, 0.2, generator=seeded(1))
    return net


def a_batch(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    return (torch.rand(T, BATCH, SIZES[0], generator=seeded(2)) < 0.4).to(dtype), torch.randint(
        4, (BATCH,), generator=seeded(3)
    )


def test_models_of_snntorch_with_a_beta_per_layer_fire_the_same_after_every_conversion(
    tmp_path: Any,
) -> None:
    torch.manual_seed(0)
    options: Any = {"reset_mechanism": "zero", "init_hidden": True}
    model = nn.Sequential(
        nn.Linear(9, 15),
        snntorch.Leaky(0.95, **options),
        nn.Linear(15, 11),
        snntorch.Synaptic(0.5, 0.8, reset_delay=False, **options),
        nn.Linear(11, 4),
        snntorch.Leaky(0.6, **options),
    )
    for linear in model[::2]:
        linear.weight.data *= 3
    assert differences(model) == []
    net, (spikes, _) = from_snntorch(model), a_batch()
    to_nir(net, tmp_path / "net.nir", steps=T)
    back = from_nir(tmp_path / "net.nir")
    with torch.no_grad():
        reset(model)
        theirs = torch.stack([model(s) for s in spikes])
        again = to_snntorch(net)
        reset(again)
        returned = torch.stack([again(s) for s in spikes])
    assert (
        theirs.any()
        and torch.equal(net(spikes), theirs)
        and torch.equal(returned, theirs)
        and torch.equal(back(spikes), theirs)
    )
    kept = [
        (lif_params(layer.neuron).alpha_u, lif_params(layer.neuron).alpha_v)
        for layer in back.layers
    ]
    assert kept == [(0.0, np.float32(0.95)), (0.5, np.float32(0.8)), (0.0, np.float32(0.6))]


def test_the_chip_keeps_the_decays_of_each_layer() -> None:
    net = a_net()
    model = to_model(net, None, steps=T, encoder="bernoulli", info={})
    assert [(layer.alpha_u, layer.alpha_v) for layer in model.layers] == [
        tuple(np.float32(a) for a in pair) for pair in ALPHAS
    ]
    spikes = (torch.rand(T, 200, SIZES[0], generator=seeded(5)) < 0.4).float()
    chip_counts = emulator.run(
        quantise(model), SpikeInput(spikes=spikes.numpy().astype(np.uint8))
    ).counts
    counts = net(spikes).sum(0).numpy()
    # spikes of 12 steps; eight-bit weights and decays of twelve bits move some
    assert np.abs(chip_counts - counts).mean() < 0.25
    one_for_all = Network(SIZES, neuron=net.layers[0].neuron)
    one_for_all.load_state_dict(net.state_dict())
    assert np.abs(chip_counts - one_for_all(spikes).sum(0).numpy()).mean() > 0.5


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
def test_a_run_with_decays_of_each_layer_trains_resumes_exports_and_starts_another(
    tmp_path: Any, capsys: Any
) -> None:
    short = "hidden = [20]\nepochs = 1\nsteps = 5\nlimit = 100\n"
    (tmp_path / "run.toml").write_text(
        f"{short}alphas_v = [0.9, 0.5]\nsleep = {{first_night = 1, steps = 50}}\n"
    )
    config = read_config(tmp_path / "run.toml")
    assert config.alphas_v == (0.9, 0.5)
    folder = tmp_path / "run"
    train = ["train", "--config", str(tmp_path / "run.toml"), "--out", str(folder), "--quiet"]
    assert cli.main(train) == 0
    assert RunFolder(folder).read_config() == config
    assert cli.main(["export", str(folder)]) == 0
    assert cli.main([*train, "--resume"]) == 0
    net = from_nir(folder / "model.nir")
    assert [lif_params(layer.neuron).alpha_v for layer in net.layers] == [np.float32(0.9), 0.5]
    assert cli.main(["deploy", str(folder / "model.nir"), "--samples", "50"]) == 0
    capsys.readouterr()
    short_flags = ["--epochs", "1", "--sleep.first-night", "1", "--limit", "100"]
    start = ["train", "--from", str(folder / "model.nir"), "--out", str(tmp_path / "b")]
    assert cli.main([*start, *short_flags, "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["samples"] == 100
    taken = RunFolder(tmp_path / "b").read_config()
    assert (
        taken.alphas_v == (np.float32(0.9), 0.5)
        and taken.alphas_u == (0.5, 0.5)
        and taken.hidden == (20,)
    )


@pytest.mark.usefixtures("mnist")
def test_equal_decays_of_every_layer_train_as_one_neuron_for_all_to_the_bit() -> None:
    plain = Experiment.from_config(RunConfig(hidden=(20, 10), limit=50, epochs=1))
    per_layer = Experiment.from_config(
        RunConfig(hidden=(20, 10), limit=50, epochs=1, alphas_u=(0.5,) * 3, alphas_v=(0.75,) * 3)
    )
    assert (
        plain.net.neuron is plain.net.layers[2].neuron
        and plain.learner.rules[0] is plain.learner.rules[2]
    )
    for experiment in (plain, per_layer):
        assert isinstance(experiment.trainer, Trainer)
        next(experiment.trainer.run())
    assert all(
        torch.equal(a, b)
        for a, b in zip(plain.net.parameters(), per_layer.net.parameters(), strict=True)
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"alphas_v": (0.5, 0.5)},
            (
                r"^alphas_v is \(0.5, 0.5\); need a fraction of 0 or more, below 1, for each of 3"
                r" layers, or none$"
            ),
        ),
        ({"alphas_u": (0.5, 1.0, 0.5)}, r"^alphas_u is \(0.5, 1.0, 0.5\); need"),
        ({"alphas_u": (float("nan"),) * 3}, r"^alphas_u is \(nan"),
    ],
)
def test_decays_out_of_range_are_refused(changes: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        RunConfig(hidden=(20, 10), **changes)
