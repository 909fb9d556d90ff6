"""The examples in docs/ are executed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import biograd as bg

ROOT = Path(__file__).parents[2]


def examples(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [
        compile(code, page, "exec") for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    ]


@pytest.fixture
def digits():
    with np.load(ROOT / "tests" / "mnist_test_images.npz", allow_pickle=False) as file:
        return torch.from_numpy(file["train_x"]), torch.from_numpy(file["train_y"].astype(np.int64))


def test_a_network_and_data_of_the_user_are_trained(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    converted, by_hand, convolutional = examples("networks.md")
    x, labels = digits
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(x, labels), batch_size=50, shuffle=True)
    neuron = {"beta": 0.9, "reset_mechanism": "zero"}
    layers = nn.Linear(784, 60), snn.Leaky(**neuron), nn.Linear(60, 10), snn.Leaky(**neuron)
    model = nn.Sequential(*layers)
    names = {"bg": bg, "torch": torch, "model": model, "loader": loader, "test_loader": loader}
    exec(converted, names)
    assert names["stopping"].best > 0.8 and bg.from_nir("model.nir").sizes == (784, 60, 10)
    exec(convolutional, names)
    spikes = bg.encode(x[:8], bg.integrate_and_fire, 4)
    assert names["learner"].step(spikes, labels[:8]).predicted.shape == (8,)
    net = bg.from_snntorch(model)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    exec(by_hand, names | {"net": net, "optimizer": optimizer, "labels": labels, "right": 0})
    assert bg.evaluate(net, loader).test_accuracy > 0.3  # after 14 updates; chance is 0.1


def test_recordings_of_the_user_are_learned():
    recordings, _ = examples("data.md")
    rng, labels = np.random.default_rng(0), np.arange(300) % 3
    mine = [
        (
            rng.integers(0, 10, 40) + 10 * label,
            rng.integers(0, 16, 40),
            rng.integers(0, 2, 40),
            np.arange(40) * 5000,
        )
        for label in labels
    ]
    names = {"bg": bg, "torch": torch, "mine": mine, "labels": labels}
    torch.manual_seed(0)
    exec(recordings, names)
    assert names["last"]["train_accuracy"] > 0.9  # chance is a third


def test_real_values_are_learned(digits):
    _, of_values = examples("data.md")
    x, labels = digits
    torch.manual_seed(0)
    values = torch.stack([labels * 20.0 - 90, labels / 9], dim=1)
    loader = DataLoader(TensorDataset(x, values), batch_size=50, shuffle=True)
    names = {"bg": bg, "torch": torch, "loader_of_values": loader}
    exec(of_values, names)
    # after 14 updates; the mean of the targets as the only answer gives 0
    assert next(names["trainer"].run())["test_r2"] > 0.2


def test_faults_are_reported_by_a_guard(digits):
    (guarded,) = examples("robustness.md")
    images = bg.ImageSet("mnist", "train", *digits, 10)
    net = bg.Network((784, 20, 10))
    learner = bg.LocalLearner(net, bg.RandomDFA(net))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e6)
    params = bg.TrainParams(epochs=1)
    trainer = bg.Trainer(learner, optimizer, images, params=params)
    reported = []
    exec(guarded, {"bg": bg, "trainer": trainer, "print": reported.append})
    assert reported and all(isinstance(fault, bg.Fault) for fault in reported)


def test_every_command_is_documented():
    source = (ROOT / "biograd" / "commands" / "cli.py").read_text(encoding="utf-8")
    text = (ROOT / "docs" / "program.md").read_text(encoding="utf-8")
    commands = re.findall(r'^    "(\w+)": "', source, re.MULTILINE)
    assert len(commands) > 5 and all(f"`biograd {name}" in text for name in commands)
