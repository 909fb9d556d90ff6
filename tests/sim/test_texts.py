"""Parts say their class and settings as text."""

from __future__ import annotations

import torch

from biograd import (
    Classes,
    ClassWeighted,
    Eligibility,
    LocalLearner,
    Network,
    RandomDFA,
    SignedSpikes,
    TraceParams,
    TwoCompartmentLIF,
    TwoCompartmentParams,
    Values,
)
from biograd.texts import described


def test_parts_without_settings_are_told_by_their_class():
    assert [repr(part) for part in (Classes(), SignedSpikes())] == ["Classes()", "SignedSpikes()"]


def test_settings_are_named_with_their_values():
    assert repr(Values(-1.0, [2.0], neurons=3)) == "Values(low=[-1.0], high=[2.0], neurons=3)"
    assert repr(Eligibility(TraceParams(alpha_x=0.0))) == (
        "Eligibility(trace=TraceParams(alpha_x=0.0, alpha_z=0.75))"
    )
    params = TwoCompartmentParams(alpha_v=0.5)
    assert repr(TwoCompartmentLIF(params)) == f"TwoCompartmentLIF(params={params!r})"
    weighted = ClassWeighted(SignedSpikes(), torch.tensor([1.0, 3.0]))
    assert repr(weighted).startswith("ClassWeighted(kind=SignedSpikes(), weights=[1.0, 3.0]")


def test_long_settings_are_cut():
    class Long(Classes):
        def __init__(self) -> None:
            self.table = list(range(10_000))

    assert len(repr(Long())) < 250 and "..." in repr(Long())
    assert described(Long(), "table") == repr(Long())


def test_a_learner_names_its_parts_in_one_line():
    net = Network((4, 3, 2))
    text = repr(LocalLearner(net, RandomDFA(net)))
    assert text.startswith("LocalLearner(Network(4, 3, 2), RandomDFA, SignedSpikes(), Eligibility(")
    assert text.endswith("'layer', threads=1)") and "\n" not in text
