"""Compiled loops over time for a CPU: each equals a pure step elsewhere to the bit.

They exist for speed alone: one pass over memory instead of one per tensor operation (measured by
`biograd benchmark --suite speed`, held equal by tests/sim/kernels/test_scans.py). All arrays are
float32 and contiguous. The loops release Python's lock and use one thread each: the learner runs
them side by side on parts of a batch. (Thread pools of numba's own spin beside torch's, and on a
busy machine that made training ten times slower.)

Arguments of the compiled functions: currents and noise in thresholds per step, spikes 0. or 1.,
windows in thresholds, every alpha a fraction kept per step as float32.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from . import lif
from .compiled import compiled

RESETS = {"zero": 0, "subtract": 1, "subtract_late": 2, "none": 3}  # as `_soma_of` knows them


def runs_on(x: Tensor) -> bool:
    """Return whether the compiled loops take this tensor: float32 on a CPU."""
    return x.device.type == "cpu" and x.dtype == torch.float32


def integrate_and_fire(x: Float[Tensor, "B N"], steps: int) -> Float[Tensor, "T B N"]:
    """Run `encoders.integrate_and_fire`: spikes, [T, B, N]."""
    x = x.contiguous()
    s = torch.empty(steps, *x.shape, dtype=x.dtype)
    _integrate_and_fire(x.numpy().ravel(), s.numpy().reshape(steps, -1))
    return s


def soma(
    current: Float[Tensor, "T B N"], alpha_u: float, alpha_v: float, window: float
) -> tuple[Float[Tensor, "T B N"], Bool[Tensor, "T B N"]]:
    """Run `neurons.soma_step` and `neurons.surrogate_slope` over all steps, from rest.

    Returns: spikes and slopes, [T, B, N].
    """
    current = current.contiguous()
    s, psi = torch.empty_like(current), torch.empty(current.shape, dtype=torch.bool)
    constants = np.float32(alpha_u), np.float32(alpha_v), np.float32(window)
    _soma(current.numpy(), *constants, s.numpy(), psi.numpy())
    return s, psi


def soma_of(
    current: Float[Tensor, "T B N"],
    alpha_u: float,
    alpha_v: float,
    window: float,
    reset: str,
    tails: bool,
) -> tuple[Float[Tensor, "T B N"], Float[Tensor, "T B N"]]:
    """Run `neurons.soma_step` and `neurons.surrogate_slope` of any reset and slope, from rest.

    Returns: spikes and slopes, [T, B, N].
    """
    current = current.contiguous()
    s, psi = torch.empty_like(current), torch.empty_like(current)
    constants = np.float32(alpha_u), np.float32(alpha_v), np.float32(window)
    _soma_of(current.numpy(), *constants, RESETS[reset], tails, s.numpy(), psi.numpy())
    return s, psi


def gated(x: Float[Tensor, "..."], gate: Bool[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Return x where the gate is open, else 0."""
    x, gate = x.contiguous(), gate.contiguous()
    out = torch.empty_like(x)
    _gated(x.numpy().ravel(), gate.numpy().ravel(), out.numpy().ravel())
    return out


def trace(s: Float[Tensor, "T B N"], alpha_x: float, alpha_z: float) -> Float[Tensor, "T B N"]:
    """Run `traces.trace_step` over all steps, from zero: z, [T, B, N]."""
    s = s.contiguous()
    z = torch.empty_like(s)
    _trace(s.numpy(), np.float32(alpha_x), np.float32(alpha_z), z.numpy())
    return z


def dream(
    current: Float[Tensor, "T N"],
    noise: Float[Tensor, "T N"],
    alpha_u: float,
    alpha_v: float,
    rheobase: float,
    eta: float,
) -> Float[Tensor, "T N"]:
    """Run `sleep.homeostatic_step` over all steps, from rest: spikes, [T, N]."""
    current, noise = current.contiguous(), noise.contiguous()
    s = torch.empty_like(current)
    constants = (np.float32(alpha_u), np.float32(alpha_v), np.float32(rheobase), np.float32(eta))
    _dream(current.numpy(), noise.numpy(), *constants, s.numpy())
    return s


def surprise(s: Float[Tensor, "T N"], eta: float) -> Float[Tensor, "T N"]:
    """Run `sleep.surprise_step` over all steps, from a mean of zero, [T, N]."""
    s = s.contiguous()
    out = torch.empty_like(s)
    _surprise(s.numpy(), np.float32(eta), out.numpy())
    return out


@compiled
def _integrate_and_fire(x, s):
    """Fill s [T, N] from intensities x [N], 0 to 1."""
    half = np.float32(0.5)
    for t in range(s.shape[0]):
        for i in range(x.shape[0]):
            s[t, i] = np.floor(x[i] * np.float32(t + 1) + half) - np.floor(
                x[i] * np.float32(t) + half
            )


@compiled
def _soma(current, alpha_u, alpha_v, window, s, psi):
    """Fill s, float32, and psi, bool, from current; [T, B, N] each."""
    steps, batch, neurons = current.shape
    zero, one = np.float32(0), np.float32(1)
    for b in range(batch):
        u, v = np.zeros(neurons, np.float32), np.zeros(neurons, np.float32)
        for t in range(steps):
            for n in range(neurons):
                u[n], voltage, spike = lif.advance(u[n], v[n], current[t, b, n], alpha_u, alpha_v)
                v[n] = zero if spike else voltage
                s[t, b, n] = one if spike else zero
                psi[t, b, n] = abs(voltage - one) < window


@compiled
def _soma_of(current, alpha_u, alpha_v, window, reset, tails, s, psi):
    """Fill s and psi, float32, from current; [T, B, N] each."""
    steps, batch, neurons = current.shape
    zero, one = np.float32(0), np.float32(1)
    for b in range(batch):
        u, v = np.zeros(neurons, np.float32), np.zeros(neurons, np.float32)
        fired = np.zeros(neurons, np.float32)
        for t in range(steps):
            for n in range(neurons):
                u[n] = alpha_u * u[n] + current[t, b, n]
                if reset == 0:
                    kept = alpha_v * (v[n] * (one - fired[n]))
                elif reset == 1:
                    kept = alpha_v * (v[n] - fired[n])
                elif reset == 2:
                    kept = alpha_v * v[n] - fired[n]
                else:
                    kept = alpha_v * v[n]
                v[n] = kept + u[n]
                fired[n] = one if v[n] > one else zero
                s[t, b, n] = fired[n]
                if tails:
                    far = (v[n] - one) / window
                    psi[t, b, n] = one / (one + far * far)
                else:
                    psi[t, b, n] = one if abs(v[n] - one) < window else zero


@compiled
def _gated(x, gate, out):
    """Fill out, float32, from x, float32, and gate, bool; [n] each."""
    zero = np.float32(0)
    for i in range(x.shape[0]):
        out[i] = x[i] if gate[i] else zero


@compiled
def _trace(s, alpha_x, alpha_z, z):
    """Fill z from spikes s; [T, B, N] each."""
    steps, batch, neurons = s.shape
    for b in range(batch):
        x, y = np.zeros(neurons, np.float32), np.zeros(neurons, np.float32)
        for t in range(steps):
            for n in range(neurons):
                x[n] = alpha_x * x[n] + s[t, b, n]
                y[n] = alpha_z * y[n] + x[n]
                z[t, b, n] = y[n]


@compiled
def _dream(current, noise, alpha_u, alpha_v, rheobase, eta, s):
    """Fill s from current and noise; [T, N] each.

    rheobase: float32, thresholds per step; eta: float32, lowest fraction by which the mean follows
    per step.
    """
    steps, neurons = current.shape
    u, v = np.zeros(neurons, np.float32), np.zeros(neurons, np.float32)
    mean = np.zeros(neurons, np.float32)
    zero, one = np.float32(0), np.float32(1)
    for t in range(steps):
        rate = max(eta, one / np.float32(t + 1))
        for n in range(neurons):
            mean[n] = mean[n] + rate * (current[t, n] - mean[n])
            drive = (current[t, n] - mean[n]) + rheobase + noise[t, n]
            u[n], voltage, spike = lif.advance(u[n], v[n], drive, alpha_u, alpha_v)
            v[n] = zero if spike else voltage
            s[t, n] = one if spike else zero


@compiled
def _surprise(s, eta, out):
    """Fill out from spikes s; [T, N] each. eta as in `_dream`."""
    steps, neurons = s.shape
    mean = np.zeros(neurons, np.float32)
    for t in range(steps):
        rate = max(eta, np.float32(1) / np.float32(t + 1))
        for n in range(neurons):
            mean[n] = mean[n] + rate * (s[t, n] - mean[n])
            out[t, n] = s[t, n] - mean[n]
