"""Every compiled loop equals the pure step it stands for, to the bit."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from biograd.kernels import scans
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams, soma_scan
from biograd.sleep import DreamState, homeostatic_step, surprise_step
from biograd.traces import TraceParams, rest, trace_step

# T, B, N; ones are the corners
shapes = st.tuples(st.integers(1, 12), st.integers(1, 5), st.integers(1, 9))
kept = st.floats(0, 0.99)
seeds = st.integers(0, 2**31)


def randn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@given(shapes, seeds, kept, kept, st.floats(0.01, 2))
def test_the_soma_loop_equals_its_steps(
    shape: tuple[int, int, int], seed: int, alpha_u: float, alpha_v: float, window: float
) -> None:
    neuron = TwoCompartmentLIF(
        TwoCompartmentParams(alpha_u=alpha_u, alpha_v=alpha_v, window=window)
    )
    current = 0.3 + randn(seed, *shape)
    s, psi = soma_scan(neuron, current, compiled=True)
    s_pure, psi_pure = soma_scan(neuron, current, compiled=False)
    assert psi.dtype == torch.bool  # or the loop did not run
    assert torch.equal(s, s_pure) and torch.equal(psi.float(), psi_pure)


@given(shapes, seeds, kept, kept)
def test_the_trace_loop_equals_its_steps(
    shape: tuple[int, int, int], seed: int, alpha_x: float, alpha_z: float
) -> None:
    s = (randn(seed, *shape) > 0.5).float()
    p = TraceParams(alpha_x=alpha_x, alpha_z=alpha_z)
    state, z = rest(s[0]), scans.trace(s, alpha_x, alpha_z)
    for t in range(len(s)):
        state = trace_step(state, s[t], p)
        assert torch.equal(z[t], state.z)


@given(shapes, seeds, kept, kept, st.floats(0.001, 1))
def test_the_dream_loop_equals_its_steps(
    shape: tuple[int, int, int], seed: int, alpha_u: float, alpha_v: float, eta: float
) -> None:
    steps, neurons = shape[0] * 4, shape[2]
    neuron = TwoCompartmentLIF(TwoCompartmentParams(alpha_u=alpha_u, alpha_v=alpha_v))
    current, noise = randn(seed, steps, neurons), randn(seed + 1, steps, neurons)
    s = scans.dream(current, noise, alpha_u, alpha_v, (1 - alpha_u) * (1 - alpha_v), eta)
    state = DreamState(neuron.rest(current[:1]), torch.zeros(1, neurons))
    for t in range(steps):
        state = homeostatic_step(state, current[t : t + 1], noise[t : t + 1], t, neuron, eta)
        assert torch.equal(s[t], state.soma.s[0])


@given(shapes, seeds, st.floats(0.001, 1))
def test_the_surprise_loop_equals_its_steps(
    shape: tuple[int, int, int], seed: int, eta: float
) -> None:
    s = (randn(seed, shape[0] * 4, shape[2]) > 0.5).float()
    mean, out = torch.zeros(shape[2]), scans.surprise(s, eta)
    for t in range(len(s)):
        mean, expected = surprise_step(mean, s[t], t, eta)
        assert torch.equal(out[t], expected)


@given(st.integers(1, 40), st.lists(st.integers(0, 255), min_size=1, max_size=9))
def test_the_encoder_loop_equals_its_formula(steps: int, pixels: list[int]) -> None:
    x = torch.tensor([pixels]) / 255
    t = torch.arange(steps + 1, dtype=x.dtype)
    assert torch.equal(
        scans.integrate_and_fire(x, steps), (x * t[:, None, None] + 0.5).floor().diff(dim=0)
    )


def test_loops_take_views_that_are_not_contiguous() -> None:
    current = randn(0, 3, 4, 6).transpose(0, 2)
    assert not current.is_contiguous()
    assert torch.equal(
        scans.soma(current, 0.5, 0.75, 1.0)[0], scans.soma(current.contiguous(), 0.5, 0.75, 1.0)[0]
    )
    assert torch.equal(
        scans.trace(current, 0.5, 0.75), scans.trace(current.contiguous(), 0.5, 0.75)
    )


def test_loops_refuse_other_types_than_float32_on_a_processor() -> None:
    assert scans.runs_on(torch.zeros(1))
    assert not scans.runs_on(torch.zeros(1, dtype=torch.float64)) and not scans.runs_on(
        torch.zeros(1, device="meta")
    )
