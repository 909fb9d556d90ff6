"""What the README shows is what the code does."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the simulator needs Python 3.11")
def test_the_ten_line_example_runs_and_learns(monkeypatch, capsys):
    import torch

    from biograd.data import datasets

    def few(root, split, progress):
        with np.load(ROOT / "tests" / "mnist_test_images.npz", allow_pickle=False) as file:
            x, y = (
                torch.from_numpy(file[f"{split}_x"]),
                torch.from_numpy(file[f"{split}_y"].astype(np.int64)),
            )
        return datasets.ImageSet("mnist", split, x, y, 10)

    monkeypatch.setitem(datasets.DATASETS, "mnist", few)
    example = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
    assert len([line for line in example.splitlines() if line]) <= 10
    torch.manual_seed(0)
    exec(compile(example, "README.md", "exec"), {})
    last = capsys.readouterr().out.splitlines()[-1].split()
    assert last[0] == "2" and float(last[1]) > 0.25  # after 14 updates; chance is 0.1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the simulator needs Python 3.11")
def test_a_network_and_data_of_ones_own_are_taught_as_the_readme_says(tmp_path, monkeypatch):
    import snntorch as snn
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    import biograd as bg

    monkeypatch.chdir(tmp_path)
    part = README[README.index("## Bring your own network") : README.index("## What it reaches")]
    whole, by_hand, of_values = sorted(
        re.findall(r"```python\n(.*?)```", part, re.DOTALL), key=lambda code: "Values" in code
    )
    torch.manual_seed(0)
    with np.load(ROOT / "tests" / "mnist_test_images.npz", allow_pickle=False) as file:
        x, labels = (
            torch.from_numpy(file["train_x"]),
            torch.from_numpy(file["train_y"].astype(np.int64)),
        )
    loader = DataLoader(TensorDataset(x, labels), batch_size=50, shuffle=True)
    neuron = {"beta": 0.9, "reset_mechanism": "zero"}
    model = nn.Sequential(
        nn.Linear(784, 60), snn.Leaky(**neuron), nn.Linear(60, 10), snn.Leaky(**neuron)
    )
    names = {"bg": bg, "torch": torch, "model": model, "loader": loader, "test_loader": loader}
    exec(compile(whole, "README.md", "exec"), names)
    assert names["stopping"].best > 0.8 and bg.from_nir("model.nir").sizes == (784, 60, 10)
    net = bg.from_snntorch(model)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    exec(
        compile(by_hand, "README.md", "exec"),
        names | {"net": net, "optimizer": optimizer, "labels": labels, "right": 0},
    )
    assert bg.evaluate(net, loader).test_accuracy > 0.3  # after 14 updates; chance is 0.1
    values = torch.stack([labels * 20.0 - 90, labels / 9], dim=1)
    names["loader_of_values"] = DataLoader(TensorDataset(x, values), batch_size=50, shuffle=True)
    exec(compile(of_values, "README.md", "exec"), names)
    # after 14 updates; 0 is whoever answers the mean
    assert next(names["trainer"].run())["test_r2"] > 0.2


def test_every_command_is_in_the_readme():
    source = (ROOT / "biograd" / "commands" / "cli.py").read_text(encoding="utf-8")
    for name in re.findall(r'^    "(\w+)": "', source, re.MULTILINE):
        assert f"`biograd {name}" in README


def test_both_commands_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
