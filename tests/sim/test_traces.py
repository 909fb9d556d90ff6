from __future__ import annotations

import math

import pytest
import torch

from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams, soma_step
from biograd.traces import TraceParams, eligibility, rest, trace_scan, trace_step

# Five steps by hand, alpha_x = 1/2, alpha_z = 3/4; exact in binary.
S = [1.0, 0.0, 1.0, 1.0, 0.0]
X = [1.0, 0.5, 1.25, 1.625, 0.8125]
Z = [1.0, 1.25, 2.1875, 3.265625, 3.26171875]


def test_five_steps_of_the_trace_are_as_computed_by_hand() -> None:
    p = TraceParams(alpha_x=0.5, alpha_z=0.75)
    state, seen = rest(torch.zeros(1, 1)), []
    for s in S:
        state = trace_step(state, torch.tensor([[s]]), p)
        seen.append((state.x.item(), state.z.item()))
    assert seen == list(zip(X, Z, strict=True))


# the compiled loop, and the steps
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_scan_walks_the_steps_computed_by_hand(dtype: torch.dtype) -> None:
    assert (
        trace_scan(torch.tensor(S, dtype=dtype).view(5, 1, 1), TraceParams()).flatten().tolist()
        == Z
    )


def test_the_second_filter_at_zero_leaves_the_single_trace_of_the_chip() -> None:
    assert (
        trace_scan(torch.tensor(S).view(5, 1, 1), TraceParams(alpha_z=0.0)).flatten().tolist() == X
    )


def test_the_trace_is_what_a_spike_adds_to_a_voltage_that_does_not_reset() -> None:
    s = (torch.rand(12, 1, 1, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    p, weight = TwoCompartmentParams(), 0.01  # far below threshold
    state = TwoCompartmentLIF(p).rest(s[0])
    z = trace_scan(s, TraceParams(alpha_x=p.alpha_u, alpha_z=p.alpha_v))
    for t in range(12):
        state = soma_step(state, weight * s[t], p)
        assert state.v.item() == pytest.approx(weight * z[t].item(), rel=1e-5)  # float32


def test_eligibility_is_post_times_pre_for_each_sample() -> None:
    e = eligibility(
        torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([[2.0, 3.0, 5.0], [7.0, 0.0, 1.0]])
    )
    assert e.tolist() == [[[2, 3, 5], [0, 0, 0]], [[7, 0, 1], [7, 0, 1]]]


@pytest.mark.parametrize("name", ["alpha_x", "alpha_z"])
@pytest.mark.parametrize("value", [1.5, -0.5, math.nan])
def test_constants_out_of_range_are_refused_by_name_and_value(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^trace\.{name} is {value}; need [^\n]*$"):
        TraceParams(**{name: value})
