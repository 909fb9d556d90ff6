"""Error neurons and class weights."""

from __future__ import annotations

import torch
from arrays import array, labels, spikes
from case import OPEN, WRONG, Call, case
from material import Draw
from scalars import thing, whole

import biograd as bg

KINDS = {
    "SignedSpikes": bg.SignedSpikes(),
    "RunningRate": bg.RunningRate(),
    "FinalRate": bg.FinalRate(),
    "SoftmaxError": bg.SoftmaxError(),
    "FinalSoftmax": bg.FinalSoftmax(),
    "ClassWeighted": None,
}


def _error(name: str):
    @case(f"{name}.error")
    def _(draw: Draw) -> Call:
        kind = KINDS[name] or bg.ClassWeighted(bg.SignedSpikes(), draw.rand(draw.C) + 0.1)
        s_out = (draw.rand(draw.T, draw.B, draw.C) < 0.4).float()
        target = torch.nn.functional.one_hot(draw.labels(draw.B), draw.C).float()
        used = spikes(s_out, tied=(0, 1, 2), pure=True, axes=(2, 3), nonfinite=OPEN)
        rate = array(s_out.cumsum(0) / draw.T, tied=(0, 1, 2), pure=True, axes=(2, 3))
        if isinstance(kind, bg.RunningRate | bg.FinalRate | bg.SoftmaxError):
            used = used.expecting(OPEN)  # not read
        else:
            rate = rate.expecting(OPEN)
        # [T, B, C] against a target [B, C]: the steps are free where the rate is not read
        free = ("axis 0", "transposed, axes 0")
        used, rate = used.expecting(OPEN, *free), rate.expecting(OPEN, *free)
        target = array(target, tied=(0, 1), pure=True, cast=OPEN, axes=(3,))
        return Call(kind.error, s_out=used, rate=rate, target=target)


for _name in KINDS:
    _error(_name)


@case("ClassWeighted")
def _(draw: Draw) -> Call:
    weights = array(draw.rand(draw.C) + 0.1, nonfinite=WRONG, empty=WRONG)
    negative = [("of a negative weight", torch.tensor([1.0, -1.0]), WRONG)]
    weights += thing(0, *negative, ("all zero", torch.zeros(3), WRONG)).mutations[-2:]
    return Call(
        bg.ClassWeighted,
        kind=thing(bg.SignedSpikes(), ("a key of the table", "signed", WRONG)),
        weights=weights,
    )


@case("balanced_weights")
def _(draw: Draw) -> Call:
    y = labels(draw.labels(draw.B), draw.C, tied=False).expecting(OPEN, "as bool", "a tuple")
    classes = whole(draw.C, low=1, scale=False)
    lower = thing(draw.C, ("fewer than there are", draw.C - 1, WRONG)).mutations[-1:]
    return Call(bg.balanced_weights, labels=y, classes=classes + lower)
