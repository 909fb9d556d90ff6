"""Faults are drawn from their seed, at their rates, and break what they say."""

from __future__ import annotations

import numpy as np
import pytest

from hardware import faults
from hardware.border.faults import Faults
from hardware.fixed_point import FixedPointLayer, FixedPointModel


def test_a_seed_draws_the_same_faults_and_every_layer_its_own() -> None:
    p = Faults(dead=0.5, seed=1)
    dead, _ = faults.neurons_fail(p, 0, 200)
    assert np.array_equal(dead, faults.neurons_fail(p, 0, 200)[0])
    for other, layer in ((Faults(dead=0.5, seed=2), 0), (p, 1)):
        assert not np.array_equal(dead, faults.neurons_fail(other, layer, 200)[0])


def test_a_higher_rate_breaks_more_and_leaves_what_was_broken() -> None:
    few, many = (faults.synapses_fail(Faults(synapses=p), 0, (60, 50)) for p in (0.1, 0.3))
    assert (many | few).sum() == many.sum() > few.sum()


def test_faults_come_at_their_rates() -> None:
    shape = (10, 200, 50)
    rare = 4 * np.sqrt(0.05 / 1e5)  # four standard errors of 100,000 draws
    dead, stuck = faults.neurons_fail(Faults(dead=0.05, stuck=0.2), 0, 100_000)
    assert dead.mean() == pytest.approx(0.05, abs=rare)
    assert stuck.mean() == pytest.approx(0.2, abs=2 * rare) and not (dead & stuck).any()
    lost = faults.spikes_lost(Faults(lost=0.05), 0, 0, shape)
    assert lost.mean() == pytest.approx(0.05, abs=rare)
    noise = faults.voltage_noise(Faults(noise=0.3), 0, 0, shape)
    assert noise.std() == pytest.approx(0.3, rel=0.01) and abs(noise.mean()) < 0.005
    flips = faults.flipped_bits(Faults(weight_bits=0.05), 0, (400, 250), 8)
    each = [(flips >> bit & 1).mean() for bit in range(8)]
    assert each == pytest.approx([0.05] * 8, abs=rare)
    state = faults.flipped_state(Faults(state_bits=0.05), 0, 0, shape)
    assert (state > 0).mean() == pytest.approx(0.05, abs=rare)
    assert set(np.log2(state[state > 0]).tolist()) == set(range(24))


def test_dead_stuck_and_lost_change_the_spikes_that_leave() -> None:
    s = np.random.default_rng(0).random((5, 3, 40)) < 0.5
    s = s.astype(np.uint8)
    p = Faults(dead=0.3, stuck=0.3)
    dead, stuck = faults.neurons_fail(p, 2, 40)
    sent = faults.fired(p, 2, 0, s, output=False)
    assert not sent[..., dead].any() and sent[..., stuck].all()
    assert np.array_equal(sent[..., ~dead & ~stuck], s[..., ~dead & ~stuck])
    lost = faults.fired(Faults(lost=0.5), 2, 0, s, output=False)
    assert not (lost > s).any() and 0.3 < lost.sum() / s.sum() < 0.7
    spared = Faults(dead=1.0, output=False)
    assert np.array_equal(faults.fired(spared, 2, 0, s, output=True), s)


def one_layer(w, **changes) -> FixedPointModel:
    w = np.array(w)
    layer = FixedPointLayer(w=w, w_bias=np.zeros((len(w), 0), int), vth=10, **changes)
    return FixedPointModel(layers=(layer,), steps=1)


@pytest.mark.parametrize(
    ("codes", "sign_mode", "bits"),
    [
        ([[-256, -2, 0, 2, 254]], "mixed", 8),
        ([[0, 1, 255]], "excitatory", 8),
        ([[-255, 0]], "inhibitory", 8),
        ([[-256, 0, 224]], "mixed", 4),
    ],
)
def test_a_flipped_weight_is_another_weight_of_the_chip(codes, sign_mode, bits) -> None:
    fixed = one_layer(codes, sign_mode=sign_mode, weight_bits=bits)
    every = faults.damaged(fixed, Faults(weight_bits=1.0)).layers[0].w
    step = 2 if sign_mode == "mixed" else 1
    step <<= 8 - bits
    low, high = {
        "mixed": (-256, 256 - step),
        "excitatory": (0, 255),
        "inhibitory": (-255, 0),
    }[sign_mode]
    assert np.array_equal(every, low + high - fixed.layers[0].w)  # all bits of a code inverted
    assert np.array_equal(faults.damaged(fixed, Faults()).layers[0].w, fixed.layers[0].w)


def test_one_flipped_bit_moves_a_weight_by_its_power_of_two() -> None:
    w = np.zeros((50, 40), int)
    flips = faults.flipped_bits(Faults(weight_bits=0.01), 0, w.shape, 8)
    single = np.isin(flips, 1 << np.arange(8))
    changed = faults.damaged(one_layer(w), Faults(weight_bits=0.01)).layers[0].w
    assert single.sum() > 50 and not changed[flips == 0].any()
    assert set(np.abs(changed[single]).tolist()) <= {2 << bit for bit in range(8)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dead": 1.5}, "faults.dead is 1.5; need 0 <= dead <= 1"),
        ({"lost": -0.1}, "faults.lost is -0.1; need 0 <= lost <= 1"),
        ({"noise": float("nan")}, "faults.noise is nan"),
        ({"dead": 0.6, "stuck": 0.6}, "are 0.6 and 0.6; need 1 or less together"),
        ({"seed": -1}, "faults.seed is -1; need 0 or more"),
    ],
)
def test_rates_outside_their_range_are_refused(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        Faults(**changes)
