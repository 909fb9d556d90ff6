"""Every GPU kernel against the pure steps it stands for, on a GPU or under Triton's interpreter.

The interpreter runs the same kernels, lane by lane, on a CPU: their arithmetic is then checked, and
what a compiler makes of them is not. Both sides run on the same device, so that a difference is
the kernel's own.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from biograd.data.augment import shifted
from biograd.kernels import gpu
from biograd.neurons import (
    SomaState,
    TwoCompartmentLIF,
    TwoCompartmentParams,
    apical_step,
    soma_step,
    surrogate_slope,
)
from biograd.sleep import DreamState, homeostatic_step, surprise_step
from biograd.traces import TraceParams, rest, trace_step

# [T, B, N]: one step; a word of 32 and one more, beyond a block of lanes; a network's own
SHAPES = ((1, 1, 1), (33, 3, 130), (10, 100, 256))
ETA = 0.02  # of the running means in sleep

Pair = tuple[Callable[[], list[Tensor]], Callable[[], list[Tensor]]]  # kernel, steps


def missing_interpreter() -> str:
    """Return why no kernel can be interpreted here; "" if they can."""
    if importlib.util.find_spec("triton") is not None:
        return ""
    return (
        "Triton is not installed: it comes with torch's CUDA builds, and on Linux with"
        " 'biograd[dev]'"
    )


def checks(device: str = "cuda") -> Iterator[dict[str, Any]]:  # any: JSON
    """Yield the comparison of each kernel with its steps, over `SHAPES`.

    Args:
        device: "cuda", or "cpu": under Triton's interpreter, without the largest shape.
    Raises: RuntimeError after the last kernel, where one of them differs by as much as a bit.
    """
    differing = []
    with _interpreter(device):
        for name, pair in KERNELS.items():
            worst = 0.0
            shapes = SHAPES if device == "cuda" else SHAPES[:-1]
            for number, shape in enumerate(shapes):
                by_kernel, by_steps = pair(shape, number, device)
                worst = max(worst, _largest_difference(by_kernel(), by_steps()))
            if worst:
                differing.append(name)
            yield {
                "kernel": name,
                "by": "GPU" if device == "cuda" else "Triton's interpreter on a CPU",
                "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
                "shapes": [list(shape) for shape in shapes],
                "largest_difference": worst,
                "equal": not worst,
            }
    if differing:
        raise RuntimeError(f"kernels differ from the pure steps: {', '.join(differing)}")


@contextmanager
def _interpreter(device: str) -> Iterator[None]:
    """Load the kernels for the device; without a GPU, let Triton's interpreter run them."""
    name, variable = "biograd.kernels.gpu_kernels", "TRITON_INTERPRET"
    before = os.environ.pop(variable, None)
    if device != "cuda":
        os.environ[variable] = "1"
    sys.modules.pop(name, None)  # Triton reads the variable while kernels are defined
    try:
        importlib.import_module(name)
        yield
    finally:
        os.environ.pop(variable, None)
        if before is not None:
            os.environ[variable] = before
        sys.modules.pop(name, None)


def _largest_difference(these: list[Tensor], those: list[Tensor]) -> float:
    pairs = zip(these, those, strict=True)
    apart = [(a.double() - b.double()).abs().nan_to_num(nan=math.inf) for a, b in pairs]
    return max(difference.max().item() for difference in apart)


def _soma(shape: tuple[int, int, int], seed: int, device: str) -> Pair:
    current, p = _normal(shape, seed, device), TwoCompartmentParams()

    def steps() -> list[Tensor]:
        zero = torch.zeros_like(current[0])
        state, s, psi = SomaState(zero, zero, zero), [], []
        for now in current:
            state = soma_step(state, now, p)
            s.append(state.s)
            psi.append(surrogate_slope(state.v, p))
        return [torch.stack(s), torch.stack(psi)]

    return lambda: list(gpu.soma(current, p.alpha_u, p.alpha_v, p.window)), steps


def _trace(shape: tuple[int, int, int], seed: int, device: str) -> Pair:
    s, p = _spikes(shape, seed, device), TraceParams()

    def steps() -> list[Tensor]:
        state, z = rest(s[0]), []
        for now in s:
            state = trace_step(state, now, p)
            z.append(state.z)
        return [torch.stack(z)]

    return lambda: [gpu.trace(s, p.alpha_x, p.alpha_z)], steps


def _filter_error(shape: tuple[int, int, int], seed: int, device: str) -> Pair:
    teach, psi, p = _normal(shape, seed, device), _spikes(shape, seed, device).bool(), TraceParams()
    alpha_a = 0.5 * (seed % 2)  # with and without memory in the dendrite

    def steps() -> list[Tensor]:
        g = _gated(teach, psi, alpha_a)
        state, filtered, total = rest(g[0]), torch.empty_like(g), torch.zeros_like(g[0])
        # the trace's two filters, in the other order, backwards in time
        swapped = TraceParams(alpha_x=p.alpha_z, alpha_z=p.alpha_x)
        for t in reversed(range(len(g))):
            state = trace_step(state, g[t], swapped)
            filtered[t] = state.z
            total = total + state.z
        return [filtered, total]

    return lambda: list(gpu.filtered_error(teach, psi, alpha_a, p.alpha_x, p.alpha_z)), steps


def _gated_sum(shape: tuple[int, int, int], seed: int, device: str) -> Pair:
    teach, psi = _normal(shape, seed, device), _spikes(shape, seed, device).bool()

    def steps() -> list[Tensor]:
        total = torch.zeros_like(teach[0])
        for g in _gated(teach, psi, 0.5):
            total = total + g
        return [total]

    return lambda: [gpu.gated_sum(teach, psi, 0.5)], steps


def _images(shape: tuple[int, int, int], seed: int, device: str) -> Pair:
    steps, batch, _ = shape
    drawn = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (9, 5, 7), dtype=torch.uint8, generator=drawn).to(device)
    members = torch.randint(0, 9, (batch,), generator=drawn).to(device)
    offset = torch.randint(-2, 3, (2, batch), generator=drawn).to(device)

    def fires() -> list[Tensor]:
        # s[t] = floor(x (t+1) + 1/2) - floor(x t + 1/2) of x = grey / 255, in whole numbers
        grey = shifted(images[members], offset).flatten(1).long()
        fired = [(2 * grey * t + 255) // 510 for t in range(steps + 1)]
        return [torch.stack(fired).diff(dim=0).float()]

    return lambda: [gpu.integrate_and_fire_images(images, members, steps, offset)], fires


def _dream(shape: tuple[int, int, int], seed: int, device: str) -> Pair:
    current, noise = (_normal(shape, seed + n, device).flatten(1) for n in (0, 1))
    neuron = TwoCompartmentLIF()

    def steps() -> list[Tensor]:
        state = DreamState(neuron.rest(current[:1]), torch.zeros_like(current[:1]))
        s = torch.empty_like(current)
        for t in range(len(current)):
            state = homeostatic_step(state, current[t : t + 1], noise[t : t + 1], t, neuron, ETA)
            s[t] = state.soma.s[0]
        return [s]

    p = neuron.params
    constants = p.alpha_u, p.alpha_v, neuron.rheobase, ETA
    return lambda: [gpu.dream(current, noise, *constants)], steps


def _surprise(shape: tuple[int, int, int], seed: int, device: str) -> Pair:
    s = _spikes(shape, seed, device).flatten(1)

    def steps() -> list[Tensor]:
        mean, out = torch.zeros_like(s[0]), torch.empty_like(s)
        for t in range(len(s)):
            mean, out[t] = surprise_step(mean, s[t], t, ETA)
        return [out]

    return lambda: [gpu.surprise(s, ETA)], steps


def _gated(teach: Tensor, psi: Tensor, alpha_a: float) -> Tensor:
    """Return v_apical psi at every step."""
    v_apical, g, p = torch.zeros_like(teach[0]), [], TwoCompartmentParams(alpha_a=alpha_a)
    for now, slope in zip(teach, psi, strict=True):
        v_apical = apical_step(v_apical, now, p)
        g.append(v_apical * slope)
    return torch.stack(g)


def _normal(shape: tuple[int, int, int], seed: int, device: str) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device)


def _spikes(shape: tuple[int, int, int], seed: int, device: str) -> Tensor:
    drawn = torch.Generator().manual_seed(seed)
    return torch.bernoulli(torch.full(shape, 0.4), generator=drawn).to(device)


# the kernel and its steps, on a shape, a seed and a device; all kernels of `gpu_kernels`
KERNELS: dict[str, Callable[[tuple[int, int, int], int, str], Pair]] = {
    "soma": _soma,
    "trace": _trace,
    "filter_error": _filter_error,
    "gated_sum": _gated_sum,
    "integrate_and_fire": _images,
    "dream": _dream,
    "surprise": _surprise,
}
