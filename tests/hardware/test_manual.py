"""The emulator compared with a second one, in Python's unbounded integers, one number at a time.

It is written from the arithmetic of Lava 0.10.0's fixed-point Dense and LIF
(`lava/proc/dense/models.py`, `lava/proc/lif/models.py`) and the descriptions in Davies et al. 2018,
not from the emulator: it shares no line with it, has no arrays, and cannot overflow unnoticed.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hardware import emulator, limits
from hardware.border.model import SpikeInput
from hardware.fixed_point import FixedPointLayer, FixedPointModel


def kept(x: int, parts: int) -> int:
    """Return parts/4096 of x, the magnitude rounded down."""
    return (1 if x >= 0 else -1) * (abs(x) * parts // 4096)


def manual_layer(w, bias, vth, exponent, du, dv, trains):
    """Run one layer over all steps of one sample.

    Args:
        trains: for each step, a list of 0 and 1 per input.
    Returns: (u, v, s) per step; the numbers of wrapped currents and saturated voltages.
    """
    n = len(w)
    u, v, steps, wrapped, saturated = [0] * n, [0] * n, [], 0, 0
    for spikes in trains:
        fired = []
        for i in range(n):
            total = (
                sum(weight for weight, spike in zip(w[i], spikes, strict=True) if spike) + bias[i]
            )
            total = total * 2**exponent if exponent >= 0 else total // 2**-exponent
            u[i] = kept(u[i], 4096 - (du + 1)) + total * 64
            if u[i] > 2**23 or u[i] <= -(2**23):
                wrapped += 1
                u[i] += -(2**24) if u[i] > 0 else 2**24
            v[i] = kept(v[i], 4096 - dv) + u[i]
            if abs(v[i]) >= 2**23:
                saturated += 1
                v[i] = (2**23 - 1) * (1 if v[i] > 0 else -1)
            fired.append(int(v[i] > vth * 64))
            if fired[-1]:
                v[i] = 0
        steps.append((list(u), list(v), fired))
    return steps, wrapped, saturated


one_of = st.sampled_from
decays = one_of([0, 1, 2047, 4094, 4095]) | st.integers(0, 4095)
thresholds = one_of([1, 2, 131_070, 131_071]) | st.integers(1, 131_071)
# distance between weights of both signs
GRID = {bits: 1 << (9 - bits) for bits in (2, 3, 4, 5, 6, 8)}


@st.composite
def layers(draw, inputs: int, neurons: int) -> FixedPointLayer:
    mode, bits = draw(one_of(["mixed", "excitatory", "inhibitory"])), draw(one_of(sorted(GRID)))
    step = GRID[bits] if mode == "mixed" else GRID[bits] // 2
    low, high = {"mixed": (-256, 254), "excitatory": (0, 255), "inhibitory": (-255, 0)}[mode]
    weights = st.integers(-(-low // step), high // step).map(lambda k: k * step)
    rows = draw(
        st.lists(
            st.lists(
                weights | one_of([low // step * step, high // step * step]),
                min_size=inputs,
                max_size=inputs,
            ),
            min_size=neurons,
            max_size=neurons,
        )
    )
    axons = draw(st.integers(0, 2))
    w_bias = draw(
        st.lists(
            st.lists(weights, min_size=axons, max_size=axons), min_size=neurons, max_size=neurons
        )
    )
    return FixedPointLayer(
        w=np.array(rows).reshape(neurons, inputs),
        w_bias=np.array(w_bias, dtype=int).reshape(neurons, axons),
        vth=draw(thresholds),
        weight_exp=draw(st.integers(-7, 7)),
        weight_bits=bits,
        sign_mode=mode,
        du=draw(decays),
        dv=draw(decays),
    )


@st.composite
def nets(draw) -> tuple[FixedPointModel, SpikeInput]:
    sizes = draw(st.lists(st.integers(1, 6), min_size=2, max_size=4))
    drawn = [draw(layers(a, b)) for a, b in pairwise(sizes)]
    steps, samples = draw(st.integers(1, 25)), draw(st.integers(1, 2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spikes = rng.random((steps, samples, sizes[0])) < draw(one_of([0.1, 0.5, 1.0]))
    return FixedPointModel(layers=tuple(drawn), steps=steps), SpikeInput(spikes=spikes)


@settings(max_examples=80)
@given(nets())
def test_the_emulator_computes_as_the_manual_does(drawn):
    fixed, spikes = drawn
    try:
        limits.check(fixed)
    except limits.LimitError:
        assume(False)
    result = emulator.run(fixed, spikes, record="uvs")
    overflows = [0, 0]
    for b in range(spikes.spikes.shape[1]):
        trains = spikes.spikes[:, b].tolist()
        for number, layer in enumerate(fixed.layers):
            bias = [sum(row) for row in layer.w_bias.tolist()]
            steps, *more = manual_layer(
                layer.w.tolist(), bias, layer.vth, layer.weight_exp, layer.du, layer.dv, trains
            )
            overflows = [a + c for a, c in zip(overflows, more, strict=True)]
            for name, index in (("u", 0), ("v", 1), ("s", 2)):
                emulated = getattr(result, name)[number][:, b].tolist()
                assert emulated == [step[index] for step in steps], (name, number)
            trains = [step[2] for step in steps]
        assert result.counts[b].tolist() == [sum(column) for column in zip(*trains, strict=True)]
    assert [result.wrapped_currents, result.saturated_voltages] == overflows


@pytest.mark.parametrize(
    ("x", "parts", "expected"),
    [(7, 2048, 3), (-7, 2048, -3), (4095, 4095, 4094), (-1, 4095, 0), (2**23, 4096, 2**23)],
)
def test_the_manuals_decay_rounds_magnitudes_down(x, parts, expected):
    assert kept(x, parts) == expected
