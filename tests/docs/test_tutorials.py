"""The tutorials run from top to bottom, and what they tell is so. On 700 digits instead of thousands: directions, not figures."""

from __future__ import annotations

from pathlib import Path

import cells
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from biograd.data import datasets
from biograd.rules import RULES

ROOT = Path(__file__).parents[2]


def few_digits(root, split, progress):
    with np.load(ROOT / "tests" / "mnist_test_images.npz", allow_pickle=False) as file:
        x, y = torch.from_numpy(file[f"{split}_x"]), torch.from_numpy(file[f"{split}_y"].astype(np.int64))
    return datasets.ImageSet("mnist", split, x, y, 10)


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setitem(datasets.DATASETS, "mnist", few_digits)
    threads = torch.get_num_threads()
    yield lambda name: cells.run(ROOT / "docs" / "tutorials" / f"{name}.py")
    torch.set_num_threads(threads)


def figures(shown):
    return [cell.value for cell in shown if isinstance(cell.value, Figure)]


@pytest.mark.slow
def test_two_compartments(run):
    shown, told = run("two_compartments")
    assert sum(told["s"]) == 1 and told["s"].index(1) >= 10  # three in a row fire it, three spread out do not
    assert max(told["v_apical"]) > 1 and told["dw"] > 0 and len(figures(shown)) == 1
    assert told["lessons"][0] < 0.8 and min(told["lessons"][-10:]) > 0.9


@pytest.mark.slow
def test_why_sleep(run):
    shown, told = run("why_sleep")
    night = told["night"]
    assert all(80 < angle < 100 for angle in night[0]) and night[-1][0] < 30 and night[-1][1] < 15
    last = [records[-1]["feedback_angle_deg"] for records in (told["asleep"], told["random_"])]
    assert all(asleep < random - 20 for asleep, random in zip(*last, strict=True)) and len(figures(shown)) == 2


@pytest.mark.slow
def test_train_deploy_learn(run):
    shown, told = run("train_deploy_learn")
    (_, known_before, nines_before), *_, (_, known_after, nines_after) = told["lesson"]
    assert nines_before == 0 and nines_after > 20 and known_after > known_before - 15
    assert told["again"].accuracy(told["labels_test"]) == told["evaluate"](told["state"], told["pixels_test"], told["labels_test"])
    assert len(figures(shown)) == 1


@pytest.mark.slow
def test_energy(run):
    shown, told = run("energy")
    found = told["found"]
    assert 0 < found.total.low < found.total.high < 1e-3 and found.dynamic.high < found.total.high
    assert found.static.high > found.dynamic.high  # as the text says of dynamic energy alone
    assert len(figures(shown)) == 2 and "16 steps" in shown[-2].printed


@pytest.mark.slow
def test_own_rule(run):
    before = dict(RULES)
    try:
        shown, told = run("own_rule")
    finally:
        RULES.clear()
        RULES.update(before)
    assert float((told["ours"] - told["known"]).abs().max()) < 1e-5  # single precision, another order of summing
    lines = shown[5].printed.splitlines()
    asked = [float(line.split(",")[1].split("%")[0]) for line in lines]
    assert len(lines) == 4 and asked == sorted(asked, reverse=True) and asked[0] > asked[-1]
    assert isinstance(told["experiment"].learner.rule, told["Lazy"])
