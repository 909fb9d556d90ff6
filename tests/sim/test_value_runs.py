"""Networks that learn real values: from images, loaders and recordings, in runs, on the chip."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.report import render
from biograd.data.datasets import ImageSet
from biograd.data.events.recording import Events, Sensor
from biograd.data.events.sets import EventSet
from biograd.data.samples import encode
from biograd.data.spike_sets import SpikeSet
from biograd.encoders import integrate_and_fire
from biograd.feedback import RandomDFA, SleepAligned
from biograd.interop.nir import to_model
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.readout import Values
from biograd.runs import checkpoint, records
from biograd.runs.checkpoint import RunFolder
from biograd.runs.config import RunConfig
from biograd.runs.experiment import Experiment
from biograd.sleep import SleepParams
from biograd.training.callbacks import EarlyStopping
from biograd.training.evaluation import evaluate
from biograd.training.trainer import Trainer, TrainParams
from hardware import emulator
from hardware.border.model import SpikeInput
from hardware.fixed_point import quantise


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int, seed: int) -> ImageSet:
    """Sixteen pixels, and two numbers that are functions of several of them."""
    x = torch.rand(n, 16, generator=seeded(seed))
    y = torch.stack([10 * (x[:, :8].mean(1) - x[:, 8:].mean(1)), x[:, 0] * x[:, 1]], 1)
    return ImageSet("functions", "train", x, y, classes=8)


RANGES: Any = ((-6.0, 0.0), (6.0, 1.0))


SHORT = SleepParams(every=10, phases=1, first_night=2, steps=50)


def trainer_of(train_set: Any, test_set: Any = None, *, epochs: int = 2, **changes: Any) -> Trainer:
    generator = seeded(0)
    net = Network((16, 64, 8), generator=generator)
    learner = LocalLearner(
        net, SleepAligned(net, generator=generator), readout=Values(*RANGES, neurons=4)
    )
    params = TrainParams(epochs=epochs, batch=25, steps=16)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    return Trainer(
        learner, optimizer, train_set, params=params, test_set=test_set, sleep=SHORT, **changes
    )


@pytest.mark.slow
def test_a_network_learns_real_functions_better_than_their_means() -> None:
    trainer, kept = trainer_of(images(1000, 0), images(300, 1), epochs=8), []
    stopping = EarlyStopping(trainer.learner.net, patience=8, figure="test_r2")
    progress: list[Any] = []
    for record in trainer.run(on_batch=progress.append):
        stopping(record)
        kept.append(record)
    last = kept[-1]
    assert last["test_r2"] > 0.75 and stopping.best > 0.75
    assert last["test_rmse"] < 0.6 * kept[0]["test_rmse"]
    assert not any("accuracy" in name for name in last)
    assert last["train_rmse"] == pytest.approx(progress[-1].figures["rmse"])
    assert math.isnan(progress[-1].train_accuracy)
    evaluation = trainer.evaluate()
    assert evaluation.predicted.shape == (300, 2) and math.isnan(evaluation.test_accuracy)
    assert evaluation.figures["r2"] == pytest.approx(last["test_r2"])


def test_images_loaders_and_trains_of_values_teach_the_same() -> None:
    samples = images(100, 0)
    order = torch.randperm(100, generator=seeded(0))  # the trainer's own, of seed 0 and epoch 0
    spikes = encode(samples.x, integrate_and_fire, 16)
    members = SpikeSet(s=spikes.transpose(0, 1), y=samples.y, classes=8)
    loaded = [(samples.x[part], samples.y[part]) for part in order.split(25)]
    of_spikes = [(spikes[:, part], samples.y[part]) for part in order.split(25)]
    ways = (
        trainer_of(samples, samples),
        trainer_of(members, members),
        trainer_of(loaded),
        trainer_of(of_spikes, encoder=None),
    )
    epochs = [next(trainer.run()) for trainer in ways]
    assert epochs[0]["test_rmse"] == epochs[1]["test_rmse"]
    assert len({record["train_rmse"] for record in epochs}) == 1
    for other in ways[1:]:
        pairs = zip(ways[0].learner.net.parameters(), other.learner.net.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("loader", [False, True])
def test_a_run_on_values_stopped_within_an_epoch_goes_on_to_the_same_bits(loader: bool) -> None:
    samples = images(200, 0)

    def source() -> Any:
        pairs = TensorDataset(samples.x, samples.y)
        return DataLoader(pairs, batch_size=25, shuffle=True) if loader else samples

    whole = trainer_of(source())
    epochs = list(whole.run())
    broken = trainer_of(source())
    assert not list(broken.run(on_batch=lambda p: p.batch == 3))
    resumed = trainer_of(source())
    resumed.load_state_dict(broken.state_dict())
    rest = list(resumed.run())
    assert [r["train_rmse"] for r in rest] == [r["train_rmse"] for r in epochs]
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            whole.learner.net.parameters(), resumed.learner.net.parameters(), strict=True
        )
    )


def test_a_run_folder_takes_values_and_gives_them_back(tmp_path: Any) -> None:
    config = RunConfig(hidden=(64,), epochs=2)

    def experiment() -> Experiment:
        trainer = trainer_of(images(100, 0), images(50, 1))
        assert isinstance(trainer.learner, LocalLearner)
        return Experiment(config, images(100, 0), images(50, 1), trainer.learner, trainer)

    folder, first = RunFolder(tmp_path / "run"), experiment()
    folder.start(config, resume=False)
    run = first.trainer.run(on_batch=lambda p: (p.epoch, p.batch) == (1, 2))
    records.append(folder.records, next(run))
    assert not list(run)
    checkpoint.save_checkpoint(folder, first)
    again = experiment()
    assert not checkpoint.load_checkpoint(folder, again)
    (last,), (same,) = list(first.trainer.run()), list(again.trainer.run())
    timed = {"seconds", "night_seconds", "samples_per_second"}
    assert {k: v for k, v in last.items() if k not in timed} == {
        k: v for k, v in same.items() if k not in timed
    }
    records.append(folder.records, same)
    assert json.loads(folder.records.read_text().splitlines()[-1])["test_r2"] == last["test_r2"]
    render.write(records.read(folder.records), tmp_path / "report.html")
    assert "<html" in (tmp_path / "report.html").read_text()


def test_values_leave_the_chips_integers_as_they_leave_the_simulator() -> None:
    trainer = trainer_of(images(300, 0), epochs=4)
    for _ in trainer.run():
        pass
    net, readout, samples = trainer.learner.net, Values(*RANGES, neurons=4), images(100, 1)
    spikes = encode(samples.x, integrate_and_fire, 16)
    on_chip = emulator.run(
        quantise(to_model(net, None, steps=16, encoder="integrate_and_fire", info={})),
        SpikeInput(spikes=spikes.numpy().astype(np.uint8)),
    )
    answers = readout.answers(torch.from_numpy(on_chip.counts).float(), 16)
    simulated = evaluate(net, samples, readout=readout, steps=16)
    # eight-bit weights move a few spikes
    assert readout.measured(answers, simulated.predicted)["r2"] > 0.98


def test_recordings_may_have_values_too() -> None:
    event = Events(*(np.array([number]) for number in (3, 2, 0, 750)))
    train = EventSet.of(
        [event] * 4, np.array([[0.5], [1.0], [0.0], [0.25]]), sensor=Sensor(4, 3), window=1000
    )
    assert (
        train.classes == 1
        and train.y.dtype == torch.float32
        and train.subset([1, 2]).y.tolist() == [[1.0], [0.0]]
    )
    net = Network((train.inputs, 1))
    trainer = Trainer(
        LocalLearner(net, RandomDFA(net), readout=Values(0, 1)),
        torch.optim.Adam(net.parameters()),
        train,
    )
    assert next(trainer.run())["train_rmse"] > 0
