"""Operation counts to joules and seconds, by hand; and the properties of intervals."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.border.model import OperationCounts
from hardware.energy import DAVIES2018, PROFILES, Interval, estimate, exactly, override


def counts(samples: int = 2, synaptic_updates: int = 0) -> OperationCounts:
    """Counts of two layers; entry 0 is the input."""
    return OperationCounts(
        synaptic_operations=np.array([0, 1000, 200]),
        active_updates=np.array([0, 30, 6]),
        inactive_updates=np.array([0, 10, 4]),
        spikes=np.array([20, 12, 4]),
        messages=np.array([40, 12, 4]),
        synaptic_updates=np.array([0, synaptic_updates, 0]),
        samples=samples,
        steps=10,
    )


def test_davies_joules_are_the_tables_by_hand():
    energy = estimate(counts(synaptic_updates=500), cores=(2, 1))
    # Per sample (two samples): 600 synaptic operations, 18 active and 7 inactive updates, 28
    # messages, 250 synaptic updates.
    assert energy.synaptic_operations == pytest.approx((600 * 23.6e-12, 600 * 35.5e-12))
    assert energy.neuron_updates == pytest.approx((18 * 81e-12 + 7 * 52e-12,) * 2)
    assert energy.synaptic_updates == pytest.approx((250 * 120e-12,) * 2)
    assert energy.spikes == (0, 0)
    assert energy.messages == pytest.approx((28 * 1.7e-12, 28 * (1.7 + 7 * 3 + 3 * 4) * 1e-12))
    assert energy.dynamic.low == pytest.approx(
        (600 * 23.6 + 18 * 81 + 7 * 52 + 250 * 120 + 28 * 1.7) * 1e-12
    )
    assert energy.communication.middle < 0.1 * energy.computation.middle


def test_seconds_are_the_barriers_and_the_busiest_layer():
    energy = estimate(counts(), cores=(2, 1))
    first = (1000 * 3.5 + 30 * 8.4 + 10 * 5.3) / 2
    second = 200 * 3.5 + 6 * 8.4 + 4 * 5.3
    assert energy.seconds.low == pytest.approx((10 * 113 + first) / 2 * 1e-9)
    assert energy.seconds.high == pytest.approx((10 * 465 + first + second) / 2 * 1e-9)


def test_static_and_x86_joules_are_watts_times_seconds_and_stay_out_of_dynamic():
    energy = estimate(counts(), cores=(2, 1), seconds=1e-3)
    assert energy.seconds == (1e-3, 1e-3)
    assert energy.static == pytest.approx((3 * 0.82e-3 * 1e-3, 104e-3 * 1e-3))
    assert energy.x86 == pytest.approx((0, 65e-3 * 1e-3))
    assert energy.total == pytest.approx(energy.dynamic + energy.static)
    assert energy.dynamic == pytest.approx(estimate(counts(), cores=(2, 1), seconds=5e-3).dynamic)


def test_sanafe_prices_spikes_and_messages_apart():
    energy = estimate(counts(), cores=(2, 1), profile=PROFILES["sanafe2025"])
    assert energy.spikes == pytest.approx((18 * 69.3e-12,) * 2)
    assert energy.messages.low == pytest.approx(28 * 111e-12)
    assert energy.neuron_updates == pytest.approx((18 * 72.8e-12 + 7 * 51.2e-12,) * 2)


def test_a_hundred_equal_samples_cost_as_much_per_sample_as_one():
    single, many = counts(samples=1), counts(samples=1)
    many = dataclasses.replace(
        many,
        samples=100,
        steps=1000,
        **{
            name: getattr(single, name) * 100
            for name in ("synaptic_operations", "active_updates", "spikes")
        },
    )
    many = dataclasses.replace(
        many,
        **{
            name: getattr(single, name) * 100
            for name in ("inactive_updates", "messages", "synaptic_updates")
        },
    )
    assert estimate(many, cores=(1, 1)).dynamic == pytest.approx(
        estimate(single, cores=(1, 1)).dynamic
    )
    assert estimate(many, cores=(1, 1)).seconds == pytest.approx(
        estimate(single, cores=(1, 1)).seconds
    )


def test_a_constant_can_be_replaced_and_the_name_says_so():
    changed = override(DAVIES2018, synaptic_operation=1e-12, message=Interval(0, 2e-12))
    assert changed.synaptic_operation == exactly(1e-12) and changed.message == (0, 2e-12)
    assert changed.name == "davies2018 with own message, synaptic_operation"
    assert changed.synaptic_update == DAVIES2018.synaptic_update
    assert estimate(counts(), cores=(1, 1), profile=changed).synaptic_operations == pytest.approx(
        (600e-12,) * 2
    )
    with pytest.raises(
        ValueError, match="has no constant 'synapse'; known: synaptic_operation, synaptic_update"
    ):
        override(DAVIES2018, synapse=1.0)


@pytest.mark.parametrize("value", [-1e-12, Interval(2.0, 1.0), float("nan"), float("inf")])
def test_impossible_constants_are_refused(value):
    with pytest.raises(ValueError, match=r"synaptic_update.*need finite bounds"):
        override(DAVIES2018, synaptic_update=value)


def test_cores_must_fit_the_layers():
    with pytest.raises(ValueError, match="the counts have 2 layers"):
        estimate(counts(), cores=(1, 1, 1))
    with pytest.raises(ValueError, match="at least 1 core"):
        estimate(counts(), cores=(0, 1))


def test_the_record_is_json_and_says_it_is_modelled_and_by_what():
    record = json.loads(json.dumps(estimate(counts(synaptic_updates=3), cores=(1, 1)).record()))
    assert (
        record["how"] == "modelled"
        and record["profile"] == "davies2018"
        and "Davies" in record["source"]
    )
    assert record["total_j"] == pytest.approx(
        [record["dynamic_j"][i] + record["static_j"][i] for i in (0, 1)]
    )
    assert record["seconds"][0] <= record["seconds"][1]


@given(
    st.lists(st.integers(0, 10**9), min_size=12, max_size=12),
    st.integers(1, 128),
    st.integers(1, 10**6),
    st.sampled_from(sorted(PROFILES)),
)
def test_every_bound_is_in_order_and_more_work_never_costs_less(numbers, cores, samples, profile):
    names = (
        "synaptic_operations",
        "active_updates",
        "inactive_updates",
        "spikes",
        "messages",
        "synaptic_updates",
    )
    arrays = {name: np.array(numbers[2 * i : 2 * i + 2]) for i, name in enumerate(names)}
    less = OperationCounts(**arrays, samples=samples, steps=samples * 10)
    more = OperationCounts(
        **{name: array + 1 for name, array in arrays.items()}, samples=samples, steps=samples * 10
    )
    a, b = (estimate(c, cores=(cores,), profile=PROFILES[profile]) for c in (less, more))
    for field in (
        *(f.name for f in dataclasses.fields(a)),
        "dynamic",
        "total",
        "computation",
        "communication",
    ):
        bounds, above = getattr(a, field), getattr(b, field)
        if isinstance(bounds, Interval):
            assert (
                0 <= bounds.low <= bounds.high
                and bounds.low <= above.low
                and bounds.high <= above.high
            )


def test_the_middle_is_off_by_the_same_factor_from_both_bounds():
    assert Interval(1.0, 4.0).middle == 2.0
    assert Interval(0.0, 4.0).middle == 2.0
    assert exactly(3.0).middle == pytest.approx(3.0)
