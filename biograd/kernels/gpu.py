"""Scans over time for a GPU: one kernel each, instead of a dozen of torch's launches per time step.

They are the counterpart of `scans` and mean the same steps. Products and sums are not contracted
(no fused multiply-add), so that spikes, slopes and traces equal the steps to the bit. No kernel
waits for the device, so a learning step can be recorded as a CUDA graph. They need Triton, which
comes with torch's CUDA builds; without it, and in other precisions, the general path is taken.

Tests hold them equal to the steps under Triton's interpreter, and compile them for compute
capability 9.0 (tests/sim/kernels/test_gpu.py). `biograd benchmark --suite gpu` checks and times
them on a GPU; `--suite gpu-kernels` checks them without one.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

# lanes per program: one per thread of four warps, so that small batches still reach every
# multiprocessor; not tuned on a device
BLOCK = 128
NARROW = 32  # lanes per program where lanes are few and steps many: one warp


def runs_on(x: Tensor, dtype: torch.dtype = torch.float32) -> bool:
    """Return whether the kernels take this tensor: of this type, on a GPU with Triton."""
    return x.device.type == "cuda" and x.dtype == dtype and _has_triton()


def soma(
    current: Float[Tensor, "T B N"], alpha_u: float, alpha_v: float, window: float
) -> tuple[Float[Tensor, "T B N"], Bool[Tensor, "T B N"]]:
    """Run `neurons.soma_step` and `neurons.surrogate_slope` over all steps, from rest.

    Returns: spikes and slopes, [T, B, N].
    """
    current = current.contiguous()
    s = torch.empty_like(current)
    psi = torch.empty(current.shape, dtype=torch.uint8, device=current.device)
    size, constants = _size(current), (alpha_u, alpha_v, window)
    _launch("soma", current, current[0].numel(), current, s, psi, *size, *constants)
    return s, psi.view(torch.bool)


def trace(s: Float[Tensor, "T B N"], alpha_x: float, alpha_z: float) -> Float[Tensor, "T B N"]:
    """Run `traces.trace_step` over all steps, from zero: z, [T, B, N]."""
    s = s.contiguous()
    z = torch.empty_like(s)
    _launch("trace", s, s[0].numel(), s, z, *_size(s), alpha_x, alpha_z)
    return z


def filtered_error(
    teach: Float[Tensor, "T B N"],
    psi: Bool[Tensor, "T B N"] | None,
    alpha_a: float,
    alpha_x: float,
    alpha_z: float,
) -> tuple[Float[Tensor, "T B N"], Float[Tensor, "B N"]]:
    """Filter the error of each step backwards in time: G of `event_driven`, [T, B, N].

        v_apical[t] = alpha_a v_apical[t-1] + teach[t]
        g[t] = v_apical[t] psi[t]
        z[t] = alpha_z z[t+1] + g[t]
        G[t] = alpha_x G[t+1] + z[t]

    so that dw = sum over b, t of G s^T, with spikes as they are.

    Args:
        teach: feedback from the error neurons, thresholds.
        psi: slopes; None: a layer that takes every error.
    Returns: G, and its sum over time, by which the bias learns.
    """
    teach = teach.contiguous()
    out, total = torch.empty_like(teach), torch.empty_like(teach[0])
    gate = teach if psi is None else psi.contiguous().view(torch.uint8)
    size, constants = _size(teach), (alpha_a, alpha_x, alpha_z)
    meta = {"GATED": psi is not None, "LINGERS": alpha_a != 0}
    lanes = teach[0].numel()
    _launch("filter_error", teach, lanes, teach, gate, out, total, *size, *constants, **meta)
    return out, total


def gated_sum(
    teach: Float[Tensor, "T B N"], psi: Bool[Tensor, "T B N"] | None, alpha_a: float
) -> Float[Tensor, "B N"]:
    """Return the sum over time of g = v_apical psi; arguments as in `filtered_error`."""
    teach = teach.contiguous()
    total, lanes = torch.empty_like(teach[0]), teach[0].numel()
    gate = teach if psi is None else psi.contiguous().view(torch.uint8)
    meta = {"GATED": psi is not None}
    _launch("gated_sum", teach, lanes, teach, gate, total, *_size(teach), alpha_a, **meta)
    return total


def integrate_and_fire_images(
    images: UInt8[Tensor, "n rows columns"],
    members: Int[Tensor, " B"],
    steps: int,
    offset: Int[Tensor, "2 B"] | None = None,
) -> Float[Tensor, "T B M"]:
    """Pick, shift and encode images that lie on the device, in one kernel; read a byte per pixel.

    The same bits as `encoders.integrate_and_fire` of `augment.shifted` of `images[members]`, pixels
    / 255.

    Args:
        members: which images, int64.
        offset: pixels down and to the right of each, as in `augment.shifted`; None: no shift.
    """
    images, members = images.contiguous(), members.to(images.device)
    (_, height, width), batch = images.shape, len(members)
    s = torch.empty(steps, batch, height * width, dtype=torch.float32, device=images.device)
    moved = members if offset is None else offset.to(images.device).contiguous()
    lanes, meta = batch * height * width, {"SHIFTED": offset is not None}
    size = steps, lanes, batch, height, width
    _launch("integrate_and_fire", images, lanes, images, members, moved, s, *size, **meta)
    return s


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
    s, lanes, follow = torch.empty_like(current), current.shape[1], _follow(current, eta)
    constants = *_size(current), alpha_u, alpha_v, rheobase
    _launch("dream", current, lanes, current, noise, follow, s, *constants, BLOCK=NARROW)
    return s


def surprise(s: Float[Tensor, "T N"], eta: float) -> Float[Tensor, "T N"]:
    """Run `sleep.surprise_step` over all steps, from a mean of zero, [T, N]."""
    s = s.contiguous()
    out = torch.empty_like(s)
    _launch("surprise", s, s.shape[1], s, _follow(s, eta), out, *_size(s), BLOCK=NARROW)
    return out


@cache
def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None


def _size(x: Tensor) -> tuple[int, int]:
    """Return steps and lanes."""
    return len(x), x[0].numel()


def _follow(like: Tensor, eta: float) -> Float[Tensor, " T"]:
    """Return how far a running mean follows at each step: 1 / t, at least eta."""
    t = torch.arange(1, len(like) + 1, dtype=like.dtype, device=like.device)
    return t.reciprocal_().clamp_min_(eta)


# any: tensors, numbers and compile-time constants
def _launch(name: str, on: Tensor, lanes: int, *arguments: Any, **meta: Any) -> None:
    from . import gpu_kernels  # needs Triton, which only torch's CUDA builds bring along

    meta = {"BLOCK": BLOCK} | meta
    kernel, programs = getattr(gpu_kernels, name), -(-lanes // meta["BLOCK"])
    # Triton launches on the current device, wherever its arguments lie.
    with torch.cuda.device_of(on):
        kernel[(programs,)](*arguments, **meta, enable_fp_fusion=False)
