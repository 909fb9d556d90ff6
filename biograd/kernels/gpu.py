"""Scans over time for a GPU: one kernel each, where torch's own operations would launch a dozen per
time step.

They are the counterpart of `scans` and mean the same steps. Products and sums are not contracted
(no fused multiply-add), so that spikes, slopes and traces are the steps' own to the bit. Nothing
here waits for the device, so a learning step can be recorded as a CUDA graph. They need Triton,
which comes with torch's CUDA builds; without it, as in other precisions, the general way is taken.

Shown: equal to the steps under Triton's interpreter, and compiled for compute capability 9.0
(tests/sim/kernels/test_gpu.py). `biograd benchmark --suite speed` measures them where there is a
GPU.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

# lanes a program: one a thread of four warps, so that small batches still reach every
# multiprocessor; not tuned on a device
BLOCK = 128
NARROW = 32  # the same where lanes are few and steps many: one warp


def runs_on(x: Tensor, dtype: torch.dtype = torch.float32) -> bool:
    """Whether the kernels take this tensor: of this type, on a GPU, and Triton is installed."""
    return x.device.type == "cuda" and x.dtype == dtype and _has_triton()


def soma(
    current: Float[Tensor, "T B N"], alpha_u: float, alpha_v: float, window: float
) -> tuple[Float[Tensor, "T B N"], Bool[Tensor, "T B N"]]:
    """`neurons.soma_step` and `neurons.surrogate_slope` over all steps, from rest: spikes and
    slopes, [T, B, N].
    """
    current = current.contiguous()
    s, psi = (
        torch.empty_like(current),
        torch.empty(current.shape, dtype=torch.uint8, device=current.device),
    )
    _launch(
        "soma",
        current,
        current[0].numel(),
        current,
        s,
        psi,
        *_size(current),
        alpha_u,
        alpha_v,
        window,
    )
    return s, psi.view(torch.bool)


def trace(s: Float[Tensor, "T B N"], alpha_x: float, alpha_z: float) -> Float[Tensor, "T B N"]:
    """`traces.trace_step` over all steps, from zero: z, [T, B, N]."""
    s = s.contiguous()
    z = torch.empty_like(s)
    _launch("trace", s, s[0].numel(), s, z, *_size(s), alpha_x, alpha_z)
    return z


def owed(
    teach: Float[Tensor, "T B N"],
    psi: Bool[Tensor, "T B N"] | None,
    alpha_a: float,
    alpha_x: float,
    alpha_z: float,
) -> tuple[Float[Tensor, "T B N"], Float[Tensor, "B N"]]:
    """What each step's presynaptic spikes are owed, G of `event_driven`: the traces' filters turned
    onto the side of the error.

        v_apical[t] = alpha_a v_apical[t-1] + teach[t]        g = v_apical psi
        z[t] = alpha_z z[t+1] + g[t]                          (backwards in time)
        G[t] = alpha_x G[t+1] + z[t]                          so that dw = sum over b, t of G s^T, with spikes as they are

    Args:
        teach: feedback from the error neurons, thresholds.
        psi: slopes; None: a layer that takes every error.
    Returns: G, and its sum over time, by which the bias learns.
    """
    teach = teach.contiguous()
    out, total = torch.empty_like(teach), torch.empty_like(teach[0])
    gate = teach if psi is None else psi.contiguous().view(torch.uint8)
    meta = {"GATED": psi is not None, "LINGERS": alpha_a != 0}
    _launch(
        "owe",
        teach,
        teach[0].numel(),
        teach,
        gate,
        out,
        total,
        *_size(teach),
        alpha_a,
        alpha_x,
        alpha_z,
        **meta,
    )
    return out, total


def gated_sum(
    teach: Float[Tensor, "T B N"], psi: Bool[Tensor, "T B N"] | None, alpha_a: float
) -> Float[Tensor, "B N"]:
    """The sum over time of g = v_apical psi; arguments as `owed`."""
    teach = teach.contiguous()
    total = torch.empty_like(teach[0])
    gate = teach if psi is None else psi.contiguous().view(torch.uint8)
    _launch(
        "gated_sum",
        teach,
        teach[0].numel(),
        teach,
        gate,
        total,
        *_size(teach),
        alpha_a,
        GATED=psi is not None,
    )
    return total


def integrate_and_fire_images(
    images: UInt8[Tensor, "n rows columns"],
    members: Int[Tensor, " B"],
    steps: int,
    offset: Int[Tensor, "2 B"] | None = None,
) -> Float[Tensor, "T B M"]:
    """Spikes of some of the images that lie on the device, one byte read a pixel: picked, moved and
    encoded in one kernel.

    The same bits as `encoders.integrate_and_fire` of `augment.shifted` of `images[members]`, pixels
    / 255.

    Args:
        members: which images, int64.
        offset: pixels down and to the right of each, as in `augment.shifted`; None: as they lie.
    """
    images, members = images.contiguous(), members.to(images.device)
    (_, height, width), batch = images.shape, len(members)
    s = torch.empty(steps, batch, height * width, device=images.device)
    moved = members if offset is None else offset.to(images.device).contiguous()
    size = (steps, batch * height * width, batch, height, width)
    _launch(
        "integrate_and_fire",
        images,
        size[1],
        images,
        members,
        moved,
        s,
        *size,
        SHIFTED=offset is not None,
    )
    return s


def dream(
    current: Float[Tensor, "T N"],
    noise: Float[Tensor, "T N"],
    alpha_u: float,
    alpha_v: float,
    rheobase: float,
    eta: float,
) -> Float[Tensor, "T N"]:
    """`sleep.homeostatic_step` over all steps, from rest: spikes, [T, N]."""
    current, noise = current.contiguous(), noise.contiguous()
    s, lanes = torch.empty_like(current), current.shape[1]
    _launch(
        "dream",
        current,
        lanes,
        current,
        noise,
        _follow(current, eta),
        s,
        *_size(current),
        alpha_u,
        alpha_v,
        rheobase,
        BLOCK=NARROW,
    )
    return s


def surprise(s: Float[Tensor, "T N"], eta: float) -> Float[Tensor, "T N"]:
    """`sleep.surprise_step` over all steps, from a mean of zero, [T, N]."""
    s = s.contiguous()
    out = torch.empty_like(s)
    _launch("surprise", s, s.shape[1], s, _follow(s, eta), out, *_size(s), BLOCK=NARROW)
    return out


@cache
def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None


def _size(x: Tensor) -> tuple[int, int]:
    """Steps and lanes."""
    return len(x), x[0].numel()


def _follow(like: Tensor, eta: float) -> Float[Tensor, " T"]:
    return (
        torch.arange(1, len(like) + 1, dtype=like.dtype, device=like.device)
        .reciprocal_()
        .clamp_min_(eta)
    )


# any: tensors, numbers and compile-time constants
def _launch(name: str, on: Tensor, lanes: int, *arguments: Any, **meta: Any) -> None:
    from . import gpu_kernels  # needs Triton, which only GPUs bring along

    meta = {"BLOCK": BLOCK} | meta
    # Triton launches on the current device, whatever its arguments lie on
    with torch.cuda.device_of(on):
        getattr(gpu_kernels, name)[(-(-lanes // meta["BLOCK"]),)](
            *arguments, **meta, enable_fp_fusion=False
        )
