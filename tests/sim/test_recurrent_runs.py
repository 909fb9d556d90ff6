"""Runs of recurrent networks: a timing task, commands, resuming, and what they cannot do."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from benchmarks.measurements.order_tasks import TimingParams, samples
from biograd.commands import cli
from biograd.feedback import SleepAligned
from biograd.interop.nir import from_nir
from biograd.interop.snntorch import to_snntorch
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams
from biograd.runs.checkpoint import RunFolder
from biograd.runs.config import RunConfig
from biograd.sleep import SleepParams
from biograd.training.evaluation import evaluate
from biograd.training.finite import check_finite
from biograd.training.probe import probe
from biograd.training.trainer import Trainer, TrainParams

SIZES, T, BATCH = (9, 15, 11, 4), 12, 6


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_net(recurrent: Any = True, **neuron: float) -> Network:
    """A network whose every layer fires, and whose loops matter."""
    net = Network(
        SIZES,
        neuron=TwoCompartmentLIF(TwoCompartmentParams(**neuron)),
        recurrent=recurrent,
        generator=seeded(0),
    )
    for layer in net.layers:
        layer.w *= 1.5
        layer.b.uniform_(-0.1, 0.2, generator=seeded(1))
        if layer.w_rec is not None:
            layer.w_rec *= 2
    return net


@pytest.mark.slow
def test_a_recurrent_network_learns_a_timing_task_with_sleep() -> None:
    p = TimingParams(train=400, test=200, recurrent=True)
    train, test = samples(p, 400, generator=seeded(0)), samples(p, 200, generator=seeded(1))
    net = Network((train.inputs, 40, 2), recurrent=True, generator=seeded(2))
    learner = LocalLearner(net, SleepAligned(net, generator=seeded(3)))
    assert net.layers[0].w_rec is not None
    start = net.layers[0].w_rec.clone()
    params = TrainParams(epochs=8, batch=20, steps=train.s.shape[1])
    short = SleepParams(first_night=20, steps=300)
    trainer = Trainer(
        learner,
        torch.optim.Adam(net.parameters(), lr=4e-3),
        train,
        test_set=test,
        params=params,
        sleep=short,
    )
    assert list(trainer.run())[-1]["test_accuracy"] > 0.85  # chance is 0.5
    assert (net.layers[0].w_rec - start).abs().max() > 0.01
    seen = probe(learner, test.spikes(torch.tensor([0]), train.s.shape[1]), test.y[:1])
    fired = seen.spikes[1][:, seen.neuron]
    assert ((seen.v > 1) == (fired > 0)).all()  # the voltage that is drawn is the one that fired


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
def test_a_recurrent_run_trains_resumes_is_measured_exported_and_deployed(
    tmp_path: Any, capsys: Any
) -> None:
    folder = str(tmp_path / "run")
    short = ["--hidden", "20", "--epochs", "2", "--steps", "5", "--limit", "200"]
    nights = ["--sleep.first-night", "1", "--sleep.steps", "50"]
    train = ["train", *short, *nights, "--recurrent", "--out", folder, "--quiet"]
    assert cli.main(train) == 0
    assert RunFolder(folder).read_config().recurrent
    assert cli.main([*train, "--resume", "--json"]) == 0
    trained = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert cli.main(["evaluate", folder, "--json"]) == 0
    evaluated = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert evaluated["test_accuracy"] == trained["test_accuracy"]
    assert cli.main(["export", folder]) == 0
    assert from_nir(RunFolder(folder).model).recurrent
    capsys.readouterr()
    assert cli.main(["deploy", folder, "--json"]) == 0
    deployed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert abs(deployed["test_accuracy"] - trained["test_accuracy"]) < 0.1


def test_a_stopped_recurrent_run_goes_on_to_the_same_bits() -> None:
    p = TimingParams(train=100, test=50)
    train = samples(p, 100, generator=seeded(0))

    def trainer() -> Trainer:
        net = Network((train.inputs, 20, 2), recurrent=True, generator=seeded(2))
        learner = LocalLearner(net, SleepAligned(net, generator=seeded(3)))
        params = TrainParams(epochs=2, batch=20, steps=train.s.shape[1])
        short = SleepParams(first_night=2, steps=50, every=3)
        return Trainer(
            learner, torch.optim.Adam(net.parameters(), lr=4e-3), train, params=params, sleep=short
        )

    whole, broken, resumed = trainer(), trainer(), trainer()
    list(whole.run())
    assert not list(broken.run(on_batch=lambda progress: progress.batch == 3))
    resumed.load_state_dict(broken.state_dict())
    list(resumed.run())
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            whole.learner.net.parameters(), resumed.learner.net.parameters(), strict=True
        )
    )
    assert evaluate(resumed.learner.net, train, steps=train.s.shape[1]).predicted.shape == (100,)


def test_what_a_recurrent_network_cannot_do_is_refused_in_one_line() -> None:
    net = a_net()
    with pytest.raises(
        ValueError,
        match=r"^a recurrent network is not written as a snnTorch model: [^\n]*recurrent=False$",
    ):
        to_snntorch(net)
    with pytest.raises(
        ValueError,
        match=r"^there are 1 values of recurrent for 2 hidden layers: give one for all, or one",
    ):
        Network(SIZES, recurrent=[True])
    with pytest.raises(
        ValueError, match=r"^recurrent is set, and x.nir holds no recurrent weights: [^\n]*$"
    ):
        RunConfig(recurrent=True, start_from="x.nir")
    with pytest.raises(ValueError, match=r"not finite"):
        assert net.layers[0].w_rec is not None
        net.layers[0].w_rec[0, 0] = torch.nan
        check_finite(net, "now")
