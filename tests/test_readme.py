"""The README's examples and claims hold."""

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
            x = torch.from_numpy(file[f"{split}_x"])
            y = torch.from_numpy(file[f"{split}_y"].astype(np.int64))
        return datasets.ImageSet("mnist", split, x, y, 10)

    monkeypatch.setitem(datasets.DATASETS, "mnist", few)
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in example.splitlines() if line]) <= 10
    torch.manual_seed(0)
    exec(compile(example, "README.md", "exec"), {})
    last = capsys.readouterr().out.splitlines()[-1].split()
    assert last[0] == "2" and float(last[1]) > 0.25  # after 14 updates; chance is 0.1


def test_the_readme_fits_on_a_few_screens():
    assert len(README.splitlines()) <= 150


def test_both_commands_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\w+)", README, re.MULTILINE)
    assert len(targets) == 2
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the simulator needs Python 3.11")
def test_the_tables_of_extensions_exist():
    import importlib

    tables = re.findall(r"\| `([a-z_.]+)\.([A-Z]+)` \|", README)
    assert len(tables) == 7  # a readout is passed as an object
    for module, table in tables:
        assert getattr(importlib.import_module(module), table)
