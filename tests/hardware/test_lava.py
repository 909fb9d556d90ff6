"""Lava itself, in this process, equals the emulator in every current, voltage and spike.

Python 3.10 only.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from hardware import chip, emulator, limits
from hardware.border.model import SpikeInput
from hardware.fixed_point import FixedPointLayer, FixedPointModel
from hardware.weights import round_to_step

pytest.importorskip(
    "lava.magma",
    reason=(
        "Lava exists for Python 3.10 alone; .venv-lava/bin/python -m pytest tests/hardware runs"
        " these"
    ),
)

from hardware.loihi import channels, runner

# networkx tries pandas, numpy is called in old ways: warnings of Lava's own dependencies.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ImportWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def random_net(seed: int) -> tuple[FixedPointModel, SpikeInput]:
    """A net of 1-4 layers of 1-784 neurons, and spikes for it.

    Its numbers lie anywhere in Loihi's ranges, often at their ends.
    """
    rng = np.random.default_rng(seed)
    widest = int(rng.choice([5, 40, 150, 784]))
    sizes = [int(rng.integers(1, widest + 1)) for _ in range(int(rng.integers(2, 6)))]
    layers = [_random_layer(rng, n_in, n_out) for n_in, n_out in itertools.pairwise(sizes)]
    steps, samples = int(rng.integers(1, 13)), int(rng.integers(1, 4))
    spikes = rng.random((steps, samples, sizes[0])) < rng.choice([0.02, 0.2, 0.5, 1.0])
    fixed = FixedPointModel(layers=tuple(layers), steps=steps)
    limits.check(fixed)
    return fixed, SpikeInput(spikes=spikes)


def _random_layer(rng: np.random.Generator, n_in: int, n_out: int) -> FixedPointLayer:
    bits, mode = int(rng.choice(chip.WEIGHT_BITS)), str(rng.choice(list(chip.SIGN_MODES)))
    axons = int(rng.integers(0, 3))
    w = round_to_step(rng.normal(0, rng.choice([10, 80, 300]), (n_out, n_in + axons)), bits, mode)
    largest = int(np.abs(w).sum(axis=1).max())
    # One step of all inputs must stay below 2^24, so wide layers cannot have the largest exponents.
    top = (
        min(chip.MAX_WEIGHT_EXP, int(np.log2(2 * chip.MAX_STATE / (largest * 64 + 1))))
        if largest
        else chip.MAX_WEIGHT_EXP
    )
    weight_exp = int(rng.integers(chip.MIN_WEIGHT_EXP, max(top, chip.MIN_WEIGHT_EXP) + 1))
    # Thresholds near the largest current make nets that are neither silent nor saturated; some are
    # at their limits.
    reached = max(1, int(largest * 2.0**weight_exp * rng.choice([0.01, 0.1, 0.5])))
    vth = min(
        int(rng.choice([reached, reached, reached, 1, 8189])), chip.MAX_THRESHOLD_WITH_BIAS_NEURON
    )
    du, dv = (int(rng.choice([0, 1, 4095, rng.integers(0, 4096)])) for _ in range(2))
    return FixedPointLayer(
        w=w[:, :n_in],
        w_bias=w[:, n_in:],
        vth=vth,
        weight_exp=weight_exp,
        weight_bits=bits,
        sign_mode=mode,
        du=du,
        dv=dv,
    )


@pytest.fixture(params=["direct", "stock"])
def transport(request, monkeypatch):
    """Use our channels, or Lava's own; restore both afterwards."""
    for module in (
        channels.pypychannel,
        channels.py_model,
        channels.lava_runtime,
        channels.runtime_service,
    ):
        monkeypatch.setattr(module, "CspSelector", module.CspSelector)
    for name in ("CspSendPort", "CspRecvPort"):
        monkeypatch.setattr(channels.pypychannel, name, getattr(channels.pypychannel, name))
    if request.param == "direct":
        channels.install()


def hold_equal(fixed: FixedPointModel, spikes: SpikeInput, note: str = "") -> int:
    """Run both, compare everything; return the number of spikes that all layers fired."""
    emulated = emulator.run(fixed, spikes, record="uvs")
    lavas = runner.run(fixed, spikes.spikes, record=True)
    assert np.array_equal(emulated.counts, lavas.counts), note
    for name in ("u", "v", "s"):
        for number, (a, b) in enumerate(
            zip(getattr(emulated, name), getattr(lavas, name), strict=True), start=1
        ):
            assert np.array_equal(a, b), f"{name} of layer {number}, {note}"
    return int(emulated.operations.spikes[1:].sum())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.usefixtures("transport")
def test_random_nets_are_equal_on_lavas_channels_and_ours(seed):
    hold_equal(*random_net(seed), f"seed {seed}")


def hold_many_equal(first: int, last: int) -> None:
    """Compare the nets of these seeds and print how many of them fired.

    The test below runs this in a process of its own.
    """
    channels.install()
    print(sum(hold_equal(*random_net(seed), f"seed {seed}") > 0 for seed in range(first, last)))


@pytest.mark.slow
def test_emulator_and_lava_agree_on_200_random_nets():
    """Every u, v and s of every step: the claim "bit-exact with Lava's fixed-point model"."""
    code = (
        "import runpy, sys; runpy.run_path(sys.argv[1])['hold_many_equal'](int(sys.argv[2]),"
        " int(sys.argv[3]))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, __file__]
    # Two small processes: Lava forks nine times per net, which is slow in a process as large as
    # pytest's.
    halves = [
        subprocess.Popen(
            [*command, *seeds],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for seeds in (("100", "200"), ("200", "300"))
    ]
    try:
        outputs = [half.communicate(timeout=240) for half in halves]
    finally:
        for half in halves:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(half.pid, signal.SIGTERM)
    assert [half.returncode for half in halves] == [0, 0], "\n".join(err for _, err in outputs)
    # most nets fire, so that equality means something
    assert sum(int(out) for out, _ in outputs) > 120


@pytest.mark.usefixtures("transport")
def test_streaming_many_samples_is_running_each_alone():
    fixed, _ = random_net(7)
    spikes = np.random.default_rng(0).random((fixed.steps, 12, fixed.sizes[0])) < 0.4
    hold_equal(fixed, SpikeInput(spikes=spikes))


def test_numbers_that_the_chip_cannot_hold_never_reach_lava():
    layer = FixedPointLayer(w=np.array([[2]]), w_bias=np.zeros((1, 0), int), vth=0)
    with pytest.raises(limits.LimitError, match="layer 1: vth is 0"):
        runner.run(FixedPointModel(layers=(layer,), steps=1), np.ones((1, 1, 1), np.uint8))
