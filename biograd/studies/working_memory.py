"""A recurrent network that holds two angles, learned by a local rule or by backpropagation.

    a[t] = a[t-1] + (-a[t-1] + W h[t-1] + W_in x[t] + b) / tau      soma
    h[t] = max(tanh a[t], 0) + noise                                rate
    y[t] = W_out h[t]

These are rates, not spikes, as in the paper. The local rule is e-prop's for them:

    psi_i[t]   = 1 - tanh^2 a_i[t] where a_i[t] > 0, else 0    slope
    e_ij[t]    = k_i[t] e_ij[t-1] + pre_j[t] / tau             trace of a synapse: d a_i / d W_ij
    k_i[t]     = 1 - 1 / tau + W_ii psi_i[t-1] / tau           part of itself that a soma keeps
    teach_i[t] = sum_k w_fb_ik (target_k[t] - y_k[t])          apical, during the cue
    dW_ij      = eta sum_t teach_i[t] psi_i[t] e_ij[t]

Here pre_j[t] is h_j[t-1], x_j[t] or 1. A soma excites itself at first (W_ii = 1) and has weak
synapses from others, so its activity lasts over the delays, and its trace as long. No trace
follows a path over other neurons, which is what backpropagation adds. So the rule looks less far
into the past, and learns best with targets from the end of each stimulus on; with targets in the
cue alone, as in the paper, the first angle is learned badly. As the trace's decay is the neuron's
own, the sum over t is computed backwards in time for all synapses at once, which gives the same
numbers. Between batches, noise drives the output, and w_fb drifts to the coincidences, and so to
W_out (sleep).

Source: Cueva, Ardalan, Tsodyks and Qian 2021 (arXiv 2111.01275), network and task. Bellec et al.
    2020, "A solution to the learning dilemma for recurrent networks of spiking neurons", Nature
    Communications 11: 3625, e-prop. The trace with self-excitation: Menick et al. 2021 (arXiv
    2006.07232), SnAp-1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..checks import instance_of, real_fields, whole_fields, whole_number, word_of
from ..tensors import seeded
from .two_angles import Trials, TwoAnglesParams, errors_deg, two_angles

OUTPUTS = 4
FEEDBACK = ("sleep", "symmetric", "random")
RULES = ("local", "bptt")
TAUGHT = ("delays", "cue")


@dataclass(frozen=True, kw_only=True)
class MemoryParams:
    """Network and learning.

    Example:
        >>> MemoryParams(rule="bptt").units
        100
    """

    rule: str = "local"  # or bptt: backpropagation through time
    feedback: str = "sleep"  # or symmetric: W_out itself; or random: fixed
    taught: str = "delays"  # from the end of each stimulus on; or cue: during the cue alone
    units: int = 100
    tau: float = 10.0  # steps
    noise: float = 0.1  # standard deviation of each rate per step
    self_excitation: float = 1.0  # W_ii at the start
    gain: float = 0.1  # standard deviation of the other W at the start, times sqrt(units)
    lr: float = 3e-3  # of Adam; an eighth of it at the end, falling linearly over the second half
    batch: int = 64  # trials
    clip: float = 10.0  # of the gradient's norm
    drift: float = 0.1  # pull of w_fb towards the coincidences per night

    def __post_init__(self) -> None:
        table = "MemoryParams"
        word_of(self.rule, RULES, "MemoryParams.rule")
        word_of(self.feedback, FEEDBACK, "MemoryParams.feedback")
        word_of(self.taught, TAUGHT, "MemoryParams.taught")
        whole_fields(self, "units", "batch", table=table, least=1)
        real_fields(self, "tau", table=table, least=1)
        real_fields(self, "noise", "gain", "self_excitation", table=table, least=0)
        real_fields(self, "lr", "clip", table=table, above=0)
        real_fields(self, "drift", table=table, above=0, most=1)


class Rolled(NamedTuple):
    """Activity over trials."""

    h: Tensor  # rates, [T, B, units]
    psi: Tensor  # slopes, [T, B, units]


class Progress(NamedTuple):
    """Errors after some batches, on new trials."""

    batches: int
    first_deg: float
    second_deg: float


class WorkingMemory:
    """The network.

    Args:
        seed: of weights, trials and noise.

    Example:
        >>> memory = WorkingMemory(MemoryParams(units=8, batch=4))
        >>> [progress.batches for progress in memory.fit(2, every=1)]
        [1, 2]
    """

    def __init__(
        self,
        params: MemoryParams | None = None,
        *,
        task: TwoAnglesParams | None = None,
        seed: int = 0,
    ) -> None:
        self.params = p = params or MemoryParams()
        instance_of(p, MemoryParams, "params", "MemoryParams()")
        self.task = task or TwoAnglesParams()
        instance_of(self.task, TwoAnglesParams, "task", "TwoAnglesParams()")
        self.generator = g = seeded(seed)
        n, inputs = p.units, self.task.orientations + 1
        w = torch.randn(n, n, generator=g) * (p.gain / n**0.5) + p.self_excitation * torch.eye(n)
        self.w, self.w_in = w, torch.randn(n, inputs, generator=g) / inputs**0.5
        self.b, self.w_out = torch.zeros(n), torch.zeros(OUTPUTS, n)
        self.w_fb = torch.randn(n, OUTPUTS, generator=g) / OUTPUTS**0.5
        self.weights = (self.w, self.w_in, self.b, self.w_out)

    def roll(self, x: Float[Tensor, "T B K"], *, noise: float | None = None) -> Rolled:
        """Return rates and slopes from rest.

        Args:
            noise: None: that of the parameters.
        """
        p, (steps, batch, _) = self.params, x.shape
        noisy = torch.randn(steps, batch, p.units, generator=self.generator)
        noisy *= p.noise if noise is None else noise
        drive = (x @ self.w_in.T + self.b) / p.tau
        w = self.w.T / p.tau
        a = h = torch.zeros(batch, p.units)
        rates, slopes = [], []
        for t in range(steps):
            a = torch.addmm(a * (1 - 1 / p.tau) + drive[t], h, w)
            r = torch.tanh(a).clamp(min=0)
            h = r + noisy[t]
            rates.append(h)
            slopes.append(r)
        h, r = torch.stack(rates), torch.stack(slopes)
        return Rolled(h, (1 - r * r) * (r > 0))

    def report(self, h: Float[Tensor, "T B N"]) -> Float[Tensor, "T B 4"]:
        """Return the outputs."""
        return h @ self.w_out.T

    @torch.no_grad()
    def errors(self, trials: Trials) -> tuple[float, float]:
        """Return the root mean square error of each angle, degrees."""
        return errors_deg(self.report(self.roll(trials.x).h), trials)

    @torch.no_grad()
    def held(self, angles: int, *, delay: int = 50) -> tuple[np.ndarray, np.ndarray]:
        """Return the rates, without noise, at the end of the second and of the third delay.

        Args:
            angles: of either item, evenly spaced from 0 to pi.
            delay: steps of each of the three delays.
        Returns: two arrays [angles, angles, units], over first and second angles.
        """
        whole_number(angles, "angles", 3)
        whole_number(delay, "delay", 1)
        grid = torch.arange(angles) * (math.pi / angles)
        pairs = torch.cartesian_prod(grid, grid).T
        delays = torch.full((3, angles * angles), delay)
        x = two_angles(
            angles**2, generator=self.generator, p=self.task, angles=pairs, delays=delays
        ).x
        h = self.roll(x, noise=0.0).h
        first = 2 * delay + self.task.stimulus  # the step at which the second one is shown
        ends = first - 1, first + self.task.stimulus + delay - 1
        early, late = (h[end].reshape(angles, angles, -1).numpy() for end in ends)
        return early, late

    def fit(self, batches: int, *, every: int = 100, trials: int = 500) -> Iterator[Progress]:
        """Learn from new trials, and yield the errors now and then.

        Args:
            batches: of `params.batch` trials.
            every: batches between two measurements; one more is made at the end.
            trials: of a measurement.
        """
        for value, name in ((batches, "batches"), (every, "every"), (trials, "trials")):
            whole_number(value, name, 1)
        p = self.params
        adam = torch.optim.Adam(self.weights, lr=p.lr)
        for n in range(1, batches + 1):
            shown = two_angles(p.batch, generator=self.generator, p=self.task)
            gradients = (self.local if p.rule == "local" else self.backward)(shown)
            norm = math.sqrt(sum(float(g.square().sum()) for g in gradients))
            for weight, gradient in zip(self.weights, gradients, strict=True):
                weight.grad = gradient * min(1.0, p.clip / max(norm, 1e-12))
            for group in adam.param_groups:
                group["lr"] = p.lr * min(1.0, 0.125 + 1.75 * (1 - n / batches))
            adam.step()
            if p.rule == "local" and p.feedback == "sleep":
                self._sleep()
            if n % every == 0 or n == batches:
                measured = two_angles(trials, generator=self.generator, p=self.task)
                yield Progress(n, *self.errors(measured))

    @torch.no_grad()
    def local(self, trials: Trials) -> tuple[Tensor, ...]:
        """Return the negative changes of (W, W_in, b, W_out) by the local rule, at eta 1."""
        p = self.params
        rolled = self.roll(trials.x)
        asked = self._asked(trials)
        err = (trials.y - self.report(rolled.h)) * asked
        w_fb = self.w_out.T if p.feedback == "symmetric" else self.w_fb
        taught = (err @ w_fb.T) * rolled.psi
        kept = 1 + (self.w.diagonal() * rolled.psi - 1) / p.tau  # of step t + 1
        after = torch.zeros_like(taught[0])
        for t in reversed(range(len(taught))):
            after = taught[t] + (kept[t] * after if t + 1 < len(taught) else 0)
            taught[t] = after
        before = torch.cat([torch.zeros_like(rolled.h[:1]), rolled.h[:-1]])
        scale = -2 / float(asked.sum())
        post = taught.flatten(0, 1) * (scale / p.tau)
        return (
            post.T @ before.flatten(0, 1),
            post.T @ trials.x.flatten(0, 1),
            post.sum(dim=0),
            scale * err.flatten(0, 1).T @ rolled.h.flatten(0, 1),
        )

    def backward(self, trials: Trials) -> tuple[Tensor, ...]:
        """Return the gradients of the mean squared error for (W, W_in, b, W_out)."""
        for weight in self.weights:
            weight.requires_grad_(True)
        try:
            asked = self._asked(trials)
            err = (trials.y - self.report(self.roll(trials.x).h)) * asked
            loss = err.square().sum() / asked.sum()
            return torch.autograd.grad(loss, self.weights)
        finally:
            for weight in self.weights:
                weight.requires_grad_(False)

    def _asked(self, trials: Trials) -> Tensor:
        """Return 1 where an output has a target, else 0, [T, B, 4]."""
        if self.params.taught == "cue":
            return trials.cue[:, :, None].expand(-1, -1, OUTPUTS)
        return trials.shown.repeat_interleave(2, dim=2)

    def _sleep(self) -> None:
        p = self.params
        h = torch.randn(p.batch, p.units, generator=self.generator)
        self.w_fb += p.drift * (h.T @ (h @ self.w_out.T) / p.batch - self.w_fb)
