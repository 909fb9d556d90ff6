"""The task of two angles with delays: see one, wait, see another, wait, report both.

An angle is an orientation from 0 to pi, shown for some steps by inputs that prefer orientations of
their own; a go cue asks for the report.

    x_k(stimulus) = (0.5 (cos 2 (preferred_k - stimulus) + 1))^4
    targets       = (sin 2a, cos 2a, sin 2b, cos 2b) during the cue; no target before

Source: Cueva, Ardalan, Tsodyks and Qian 2021, "Recurrent neural network models for working memory
    of continuous variables" (arXiv 2111.01275).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..checks import instance_of, whole_fields, whole_number
from ..tensors import check_generator, check_shapes


@dataclass(frozen=True, kw_only=True)
class TwoAnglesParams:
    """Times of a trial, steps, and its inputs.

    Example:
        >>> TwoAnglesParams(longest=50).stimulus
        10
    """

    orientations: int = 32  # inputs
    shortest: int = 40  # of each of the three delays
    longest: int = 60
    stimulus: int = 10
    cue: int = 100

    def __post_init__(self) -> None:
        table = "TwoAnglesParams"
        whole_fields(self, "orientations", "shortest", "stimulus", "cue", table=table, least=1)
        whole_fields(self, "longest", table=table, least=self.shortest)


class Trials(NamedTuple):
    """Trials of the task, one per column of a batch."""

    x: Tensor  # inputs, [T, B, orientations + 1]; the last one is the cue
    cue: Tensor  # 1 while the report is asked for, [T, B]
    y: Tensor  # targets during the cue, [B, 4]
    angles: Tensor  # first and second, radians, [2, B]
    shown: Tensor  # 1 from the end of each stimulus to the end of the cue, [T, B, 2]
    delays: Tensor  # before the first, after it, after the second, steps, [3, B]


def two_angles(
    batch: int,
    *,
    generator: torch.Generator,
    p: TwoAnglesParams | None = None,
    angles: Float[Tensor, "2 B"] | None = None,
    delays: Int[Tensor, "3 B"] | None = None,
) -> Trials:
    """Return trials, of random angles and delays unless they are stated.

    Example:
        >>> trials = two_angles(8, generator=torch.Generator().manual_seed(0))
        >>> trials.x.shape[2], trials.y.shape
        (33, torch.Size([8, 4]))
    """
    whole_number(batch, "batch", 1)
    check_generator(generator, optional=False)
    p = p or TwoAnglesParams()
    if angles is None:
        angles = torch.rand(2, batch, generator=generator) * math.pi
    if delays is None:
        delays = torch.randint(p.shortest, p.longest + 1, (3, batch), generator=generator)
    check_shapes(("angles", angles, "2 B"), B=batch)
    _check_delays(delays, batch)
    first = delays[0]
    second = first + p.stimulus + delays[1]
    go = second + p.stimulus + delays[2]
    t = torch.arange(int(go.max()) + p.cue)[:, None]
    cue = ((t >= go) & (t < go + p.cue)).float()
    x = torch.zeros(len(t), batch, p.orientations + 1)
    preferred = torch.arange(p.orientations) * (math.pi / p.orientations)
    shown = torch.zeros(len(t), batch, 2)
    for k, (start, angle) in enumerate(zip((first, second), angles, strict=True)):
        shown[:, :, k] = ((t >= start + p.stimulus) & (t < go + p.cue)).float()
        seen = ((t >= start) & (t < start + p.stimulus)).float()
        rates = (0.5 * (torch.cos(2 * (preferred - angle[:, None])) + 1)) ** 4
        x[:, :, :-1] += seen[:, :, None] * rates
    x[:, :, -1] = cue
    doubled = 2 * angles
    y = torch.stack([f(d) for d in doubled for f in (torch.sin, torch.cos)], dim=1)
    return Trials(x, cue, y, angles, shown, delays)


def reported(out: Float[Tensor, "T B 4"], cue: Float[Tensor, "T B"]) -> Float[Tensor, "2 B"]:
    """Return the angles, radians from -pi/2 to pi/2, of the outputs averaged over the cue."""
    mean = (out * cue[:, :, None]).sum(dim=0) / cue.sum(dim=0)[:, None]
    return torch.stack([torch.atan2(mean[:, 2 * k], mean[:, 2 * k + 1]) / 2 for k in range(2)])


def errors_deg(out: Float[Tensor, "T B 4"], trials: Trials) -> tuple[float, float]:
    """Return the root mean square error of each angle, degrees modulo 180.

    A guess is off by 52 degrees.

    Example:
        >>> trials = two_angles(8, generator=torch.Generator().manual_seed(0))
        >>> max(errors_deg(trials.y.expand(len(trials.x), 8, 4), trials)) < 0.01
        True
    """
    check_shapes(("out", out, "T B K"), T=len(trials.x), B=trials.x.shape[1], K=4)
    off = reported(out, trials.cue) - trials.angles
    off = torch.remainder(off + math.pi / 2, math.pi) - math.pi / 2
    first, second = off.square().mean(dim=1).sqrt().rad2deg().tolist()
    return first, second


def _check_delays(delays: Tensor, batch: int) -> None:
    instance_of(delays, Tensor, "delays", "a tensor of whole numbers, [3, B]")
    if delays.is_floating_point() or delays.shape != (3, batch):
        raise ValueError(
            f"delays are {delays.dtype} of the shape {tuple(delays.shape)}; need whole numbers of"
            f" steps, [3, B] with B = {batch}"
        )
    if int(delays.min()) < 1:
        raise ValueError(f"a delay has {int(delays.min())} steps; need at least 1")
