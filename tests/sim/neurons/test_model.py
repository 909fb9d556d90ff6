from __future__ import annotations

import math

import pytest
import torch

from biograd.kernels import scans
from biograd.neurons import (
    NEURONS,
    Neuron,
    SomaState,
    TwoCompartmentLIF,
    TwoCompartmentParams,
    apical_scan,
    apical_step,
    soma_scan,
    soma_step,
    soma_voltages,
    surrogate_slope,
)

# Five steps by hand, alpha_u = 1/2, alpha_v = 3/4; all numbers are exact in binary.
CURRENT = [0.5, 0.25, 0.75, -0.25, 0.6875]
U = [0.5, 0.5, 1.0, 0.25, 0.8125]  # the current survives the spike of step 2
V = [0.5, 0.875, 1.65625, 0.25, 1.0]  # the voltage does not: step 3 starts from 0
S = [0.0, 0.0, 1.0, 0.0, 0.0]  # exactly one threshold, in step 4, is no spike
TEACH = [1.0, -1.0, 0.0, 0.5, 2.0]
V_APICAL = [1.0, -0.5, -0.25, 0.375, 2.1875]  # alpha_a = 1/2


def test_five_steps_of_the_soma_are_as_computed_by_hand() -> None:
    p = TwoCompartmentParams(alpha_u=0.5, alpha_v=0.75)
    state = TwoCompartmentLIF(p).rest(torch.zeros(1, 1))
    seen = []
    for current in CURRENT:
        state = soma_step(state, torch.tensor([[current]]), p)
        seen.append((state.u.item(), state.v.item(), state.s.item()))
    assert seen == list(zip(U, V, S, strict=True))


def test_five_steps_of_the_apical_dendrite_are_as_computed_by_hand() -> None:
    p = TwoCompartmentParams(alpha_a=0.5)
    v_apical, seen = torch.zeros(1, 1), []
    for teach in TEACH:
        v_apical = apical_step(v_apical, torch.tensor([[teach]]), p)
        seen.append(v_apical.item())
    assert seen == V_APICAL


def test_scans_walk_the_steps_computed_by_hand() -> None:
    neuron = TwoCompartmentLIF(TwoCompartmentParams(alpha_a=0.5, window=0.5))
    for compiled in (True, False):
        s, psi = soma_scan(neuron, torch.tensor(CURRENT).view(5, 1, 1), compiled=compiled)
        assert s.flatten().tolist() == S
        # the first voltage lies on the edge of the window, which is outside
        assert psi.flatten().tolist() == [0, 1, 0, 0, 1]
    assert apical_scan(neuron, torch.tensor(TEACH).view(5, 1, 1)).flatten().tolist() == V_APICAL


def test_a_memoryless_apical_dendrite_repeats_its_input() -> None:
    teach = torch.randn(4, 2, 3)
    assert torch.equal(
        apical_scan(TwoCompartmentLIF(TwoCompartmentParams(alpha_a=0.0)), teach), teach
    )


def test_the_apical_dendrite_never_drives_the_soma() -> None:
    current = torch.randn(20, 3, 5, generator=torch.Generator().manual_seed(0)) + 0.3
    silent, _ = soma_scan(TwoCompartmentLIF(TwoCompartmentParams(alpha_a=0.0)), current)
    loud, _ = soma_scan(TwoCompartmentLIF(TwoCompartmentParams(alpha_a=0.9)), current)
    assert silent.sum() > 0 and torch.equal(silent, loud)


def test_only_a_voltage_above_one_threshold_fires() -> None:
    zero = torch.zeros(1, 3)
    just_above = math.nextafter(1, 2)
    current = torch.tensor([[math.nextafter(1, 0), 1.0, just_above]], dtype=torch.float64)
    state = SomaState(zero.double(), zero.double(), zero.double())
    assert soma_step(state, current, TwoCompartmentParams()).s.tolist() == [[0, 0, 1]]


def test_a_spike_clears_the_voltage_of_its_own_neuron_alone() -> None:
    state = SomaState(
        u=torch.tensor([[0.0, 0.0]]), v=torch.tensor([[1.5, 0.8]]), s=torch.tensor([[1.0, 0.0]])
    )
    after = soma_step(state, torch.zeros(1, 2), TwoCompartmentParams(alpha_u=0.5, alpha_v=0.5))
    assert after.v.tolist() == [[0.0, pytest.approx(0.4)]]


@pytest.mark.parametrize("window", [0.5, 1.0])
def test_the_slope_is_one_inside_its_window_and_zero_from_the_edge_on(window: float) -> None:
    v = torch.tensor([1 - window, 1 - window + 1e-3, 1.0, 1 + window - 1e-3, 1 + window])
    assert surrogate_slope(v, TwoCompartmentParams(window=window)).tolist() == [0, 1, 1, 1, 0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha_u", 1.0),
        ("alpha_u", -0.1),
        ("alpha_v", 1.5),
        ("alpha_a", 1.5),
        ("alpha_a", math.nan),
        ("window", 0.0),
        ("window", math.nan),
    ],
)
def test_constants_out_of_range_are_refused_by_name_and_value(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^neuron\.{name} is {value}; need [^\n]*$"):
        TwoCompartmentParams(**{name: value})


@pytest.mark.parametrize("kind", NEURONS.values(), ids=NEURONS)
def test_every_neuron_rests_silent_and_steps_as_its_scan(kind: type[Neuron]) -> None:
    neuron = kind()
    current = torch.randn(7, 2, 3, generator=torch.Generator().manual_seed(0))
    state = neuron.rest(current[0])
    assert state.s.shape == (2, 3) and not state.s.any()
    s, psi = soma_scan(neuron, current)
    for t in range(7):
        state = neuron.soma(state, current[t])
        assert torch.equal(state.s, s[t]) and torch.equal(neuron.slope(state), psi[t].float())


def test_soma_voltages_are_those_before_the_reset() -> None:
    neuron = TwoCompartmentLIF(TwoCompartmentParams(alpha_u=0.5, alpha_v=0.75))
    # u is 1, 1.5, 1.75; the second step fires, so that the third starts from v = 0
    v = soma_voltages(neuron, torch.ones(3, 1, 1))
    assert v.flatten().tolist() == [1.0, 2.25, 1.75]
    current = torch.randn(9, 2, 3, generator=torch.Generator().manual_seed(0)) + 0.3
    s, _ = soma_scan(neuron, current)
    assert s.any() and torch.equal((soma_voltages(neuron, current) > 1).float(), s)


def test_the_apical_scan_of_a_single_step_is_that_step() -> None:
    teach = torch.tensor([[[0.5, -1.0]]])
    neuron = TwoCompartmentLIF(TwoCompartmentParams(alpha_a=0.5))
    assert torch.equal(apical_scan(neuron, teach), teach)


def test_a_neuron_has_the_constants_of_its_source_by_default() -> None:
    p = TwoCompartmentParams()
    assert (p.alpha_u, p.alpha_v, p.alpha_a, p.window) == (0.5, 0.75, 0.0, 1.0)
    assert TwoCompartmentLIF().params == p


def test_a_memoryless_apical_dendrite_takes_no_memory() -> None:
    teach = torch.randn(4, 2, 3)
    assert apical_scan(TwoCompartmentLIF(TwoCompartmentParams(alpha_a=0.0)), teach) is teach


def test_somata_in_single_precision_are_compiled_and_others_stepped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Other(TwoCompartmentLIF):
        """A neuron of one's own, whose steps a compiled loop cannot know."""

        def slope(self, state: SomaState) -> torch.Tensor:
            return torch.ones_like(state.v)

    asked = []
    monkeypatch.setattr(
        scans,
        "soma",
        lambda current, *constants: asked.append(constants) or (current, current),
    )
    current, p = torch.ones(3, 1, 2), TwoCompartmentParams(alpha_u=0.25, alpha_v=0.5, window=0.75)
    soma_scan(TwoCompartmentLIF(p), current)
    soma_scan(TwoCompartmentLIF(p), current, compiled=False)
    soma_scan(TwoCompartmentLIF(p), current.double())
    soma_scan(Other(p), current)
    assert asked == [(0.25, 0.5, 0.75)]
