"""Synapses see their own weight, spikes and traces, and nothing else."""

from __future__ import annotations

import inspect

from hardware.learning import synapses
from hardware.learning.params import ChipLearningParams


def test_feedback_update_sees_spikes_and_traces_but_no_forward_weight():
    names = list(inspect.signature(synapses.learn_feedback.py_func).parameters)
    assert names == ["w", "noise", "held", "hebb", "row", "fixed", "bits", "step"]
    assert {
        f for product in ChipLearningParams().feedback_rule.products for f in product.factors
    } == {"x1", "y1", "y3", "w"}
