"""Triton kernels for a GPU: each stands for a pure step elsewhere, over all steps (see `gpu`).

A lane is one neuron of one sample; it walks through time with its state in registers, and lanes
share nothing. Arrays lie as [T, lanes]: currents and voltages float32 in thresholds, spikes float32
0. or 1., slopes uint8. Every alpha is the fraction kept per step. This module needs Triton to be
imported. Under TRITON_INTERPRET=1 its kernels run on a CPU, slowly: that is how tests hold them
equal to the steps.
"""

from __future__ import annotations

import triton
import triton.language as tl

# Kernels are not compiled per number of steps: one serves them all, T = 1 included.


@triton.jit(do_not_specialize=["steps"])
def soma(current, s, psi, steps, lanes, alpha_u, alpha_v, window, BLOCK: tl.constexpr):
    """Fill s and psi from current: `neurons.soma_step` and `neurons.surrogate_slope` from rest."""
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = lane < lanes
    at = lane
    u = tl.full((BLOCK,), 0.0, tl.float32)
    v = tl.full((BLOCK,), 0.0, tl.float32)
    for _ in range(steps):
        u = alpha_u * u + tl.load(current + at, mask=inside, other=0.0)
        v = alpha_v * v + u
        fired = v > 1.0
        tl.store(s + at, fired.to(tl.float32), mask=inside)
        tl.store(psi + at, (tl.abs(v - 1.0) < window).to(tl.uint8), mask=inside)
        v = tl.where(fired, 0.0, v)
        at += lanes


@triton.jit(do_not_specialize=["steps"])
def trace(s, z, steps, lanes, alpha_x, alpha_z, BLOCK: tl.constexpr):
    """Fill z from spikes s: `traces.trace_step` from zero."""
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = lane < lanes
    at = lane
    once = tl.full((BLOCK,), 0.0, tl.float32)
    twice = tl.full((BLOCK,), 0.0, tl.float32)
    for _ in range(steps):
        once = alpha_x * once + tl.load(s + at, mask=inside, other=0.0)
        twice = alpha_z * twice + once
        tl.store(z + at, twice, mask=inside)
        at += lanes


@triton.jit(do_not_specialize=["steps"])
def filter_error(
    teach,
    psi,
    filtered,
    total,
    steps,
    lanes,
    alpha_a,
    alpha_x,
    alpha_z,
    GATED: tl.constexpr,
    LINGERS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Fill G, `filtered`, and its sum over time, `total` [lanes]; see `gpu.filtered_error`.

    The apical step runs forwards in time, where it lingers; then the gate and the trace's filters
    run backwards.
    """
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = lane < lanes
    last = lane + (steps.to(tl.int64) - 1) * lanes
    taught = teach
    if LINGERS:
        at = lane
        v_apical = tl.full((BLOCK,), 0.0, tl.float32)
        for _ in range(steps):
            v_apical = alpha_a * v_apical + tl.load(teach + at, mask=inside, other=0.0)
            tl.store(filtered + at, v_apical, mask=inside)
            at += lanes
        # a thread may load what another one stored: only the block as a whole owns its lanes
        tl.debug_barrier()
        taught = filtered
    at = last
    z = tl.full((BLOCK,), 0.0, tl.float32)
    x = tl.full((BLOCK,), 0.0, tl.float32)
    summed = tl.full((BLOCK,), 0.0, tl.float32)
    for _ in range(steps):
        g = tl.load(taught + at, mask=inside, other=0.0)
        if GATED:
            g = tl.where(tl.load(psi + at, mask=inside, other=0) != 0, g, 0.0)
        z = alpha_z * z + g
        x = alpha_x * x + z
        tl.store(filtered + at, x, mask=inside)
        summed += x
        at -= lanes
    tl.store(total + lane, summed, mask=inside)


@triton.jit(do_not_specialize=["steps"])
def gated_sum(teach, psi, total, steps, lanes, alpha_a, GATED: tl.constexpr, BLOCK: tl.constexpr):
    """Fill total [lanes]: the apical step and the gate, summed over time."""
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = lane < lanes
    at = lane
    v_apical = tl.full((BLOCK,), 0.0, tl.float32)
    summed = tl.full((BLOCK,), 0.0, tl.float32)
    for _ in range(steps):
        v_apical = alpha_a * v_apical + tl.load(teach + at, mask=inside, other=0.0)
        if GATED:
            summed += tl.where(tl.load(psi + at, mask=inside, other=0) != 0, v_apical, 0.0)
        else:
            summed += v_apical
        at += lanes
    tl.store(total + lane, summed, mask=inside)


@triton.jit(do_not_specialize=["steps"])
def integrate_and_fire(
    images,
    members,
    offset,
    s,
    steps,
    lanes,
    batch,
    height,
    width,
    SHIFTED: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Fill s from images: pick them, `augment.shifted`, `encoders.integrate_and_fire`.

    In whole numbers: a charge that starts half full, at 255 of 510, takes twice the grey value per
    step; floor(x (t + 1) + 1/2) of x = grey / 255 rises by one whenever it reaches 510.

    images: uint8 [n, height, width]; members: int64 [batch]; offset: int64 [2, batch], pixels down
    and to the right.
    """
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = lane < lanes
    pixels = height * width
    sample, pixel = lane // pixels, lane % pixels
    row, column = pixel // width, pixel % width
    if SHIFTED:
        row -= tl.load(offset + sample, mask=inside, other=0)
        column -= tl.load(offset + batch + sample, mask=inside, other=0)
    seen = inside & (row >= 0) & (row < height) & (column >= 0) & (column < width)
    member = tl.load(members + sample, mask=inside, other=0)
    grey = tl.load(images + member * pixels + row * width + column, mask=seen, other=0).to(tl.int32)
    charge = tl.full((BLOCK,), 255, tl.int32)
    at = lane
    for _ in range(steps):
        charge += 2 * grey
        fired = charge >= 510
        tl.store(s + at, fired.to(tl.float32), mask=inside)
        charge -= tl.where(fired, 510, 0)
        at += lanes


@triton.jit(do_not_specialize=["steps"])
def dream(current, noise, follow, s, steps, lanes, alpha_u, alpha_v, rheobase, BLOCK: tl.constexpr):
    """Fill s from current and noise: `sleep.homeostatic_step` from rest.

    follow: float32 [T], fraction by which the mean follows at each step.
    """
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = lane < lanes
    at = lane
    u = tl.full((BLOCK,), 0.0, tl.float32)
    v = tl.full((BLOCK,), 0.0, tl.float32)
    mean = tl.full((BLOCK,), 0.0, tl.float32)
    for t in range(steps):
        now = tl.load(current + at, mask=inside, other=0.0)
        mean = mean + tl.load(follow + t) * (now - mean)
        u = alpha_u * u + ((now - mean) + rheobase + tl.load(noise + at, mask=inside, other=0.0))
        v = alpha_v * v + u
        fired = v > 1.0
        tl.store(s + at, fired.to(tl.float32), mask=inside)
        v = tl.where(fired, 0.0, v)
        at += lanes


@triton.jit(do_not_specialize=["steps"])
def surprise(s, follow, out, steps, lanes, BLOCK: tl.constexpr):
    """Fill out from spikes s: `sleep.surprise_step` from a mean of zero; follow as in `dream`."""
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = lane < lanes
    at = lane
    mean = tl.full((BLOCK,), 0.0, tl.float32)
    for t in range(steps):
        now = tl.load(s + at, mask=inside, other=0.0)
        mean = mean + tl.load(follow + t) * (now - mean)
        tl.store(out + at, now - mean, mask=inside)
        at += lanes
