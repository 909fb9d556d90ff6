"""Small networks, data sets and arrays for valid calls; every size different from the others."""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

import biograd as bg


class LeakyState(NamedTuple):
    """The state of `Leaky`."""

    v: Tensor
    s: Tensor


class Leaky(bg.Neuron):
    """A neuron of a user's own: v[t] = 0.8 v[t-1] (1 - s[t-1]) + current[t]."""

    def rest(self, like: Tensor) -> LeakyState:
        return LeakyState(torch.zeros_like(like), torch.zeros_like(like))

    def soma(self, state: LeakyState, current: Tensor) -> LeakyState:
        v = 0.8 * state.v * (1 - state.s) + current
        return LeakyState(v, (v > 1).to(v.dtype))

    def slope(self, state: LeakyState) -> Tensor:
        return ((state.v - 1).abs() < 1).to(state.v.dtype)

    def apical(self, v_apical: Tensor, teach: Tensor) -> Tensor:
        return teach


PLAIN, RECURRENT, USER_NEURON, DOUBLE = range(4)  # kinds of networks, by variant


class Draw:
    """Everything a case draws: equal for equal names and variants.

    T, B, N, H, C are time steps, samples, inputs, hidden neurons and classes, all different.
    """

    def __init__(self, name: str, variant: int) -> None:
        self.variant = variant
        self.rng = random.Random(f"{name}:{variant}")
        self.torch = torch.Generator().manual_seed(variant)
        self.numpy = np.random.default_rng(variant)
        self.T, self.B, self.N, self.H, self.C = self.rng.sample(range(4, 18), 5)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of this variant's networks."""
        return torch.float64 if self.variant == DOUBLE else torch.float32

    def seeded(self) -> torch.Generator:
        """A fresh generator."""
        return torch.Generator().manual_seed(self.variant)

    def rand(self, *shape: int) -> Tensor:
        """Uniform in 0..1, float32."""
        return torch.rand(shape, generator=self.torch)

    def randn(self, *shape: int) -> Tensor:
        """Normal, float32."""
        return torch.randn(shape, generator=self.torch)

    def spikes(self, *shape: int) -> Tensor:
        """0. or 1., of the dtype of this variant's networks."""
        return (self.rand(*shape) < 0.4).to(self.dtype)

    def labels(self, n: int) -> Tensor:
        """Classes, the highest among them."""
        y = torch.arange(n) % self.C
        y[-1] = self.C - 1
        return y

    def net(self, *, kind: int | None = None, deep: bool = True) -> bg.Network:
        """A network of this variant's kind: plain, recurrent, of a user's neuron, float64."""
        kind = self.variant if kind is None else kind
        sizes = (self.N, self.H, self.H + 1, self.C) if deep else (self.N, self.H, self.C)
        neuron = Leaky() if kind == USER_NEURON else None
        net = bg.Network(sizes, neuron=neuron, recurrent=kind == RECURRENT, generator=self.seeded())
        for layer in net.layers:
            layer.w.mul_(2)
        return net.double() if kind == DOUBLE else net

    def feedback(self, net: bg.Network) -> bg.Feedback:
        """A feedback path of the network's dtype, of another kind for each variant."""
        kind = (bg.RandomDFA, bg.SleepAligned, bg.Symmetric, bg.RandomDFA)[self.variant]
        return kind(net, generator=self.seeded()).to(net.layers[0].w.dtype)

    def images(self, n: int | None = None) -> bg.ImageSet:
        """Images of this variant's N inputs: uint8 with two axes, or float."""
        n = n or self.B
        x = self.rand(n, self.N) if self.variant % 2 else self.rand(n, 1, self.N)
        if self.variant < 2:
            x = (x * 255).to(torch.uint8)
        return bg.ImageSet("images", "train", x, self.labels(n), self.C)

    def sensor(self) -> bg.Sensor:
        """A sensor of three different sizes."""
        return bg.Sensor(5, 3, 2)

    def events(self, n: int = 12) -> bg.Events:
        """A recording for `sensor`, of 1,000 us."""
        draw, sensor = self.numpy.integers, self.sensor()
        x, y, p = draw(0, sensor.width, n), draw(0, sensor.height, n), draw(0, 2, n)
        if self.variant == 1:
            x, y, p = (column.astype(np.uint8) for column in (x, y, p))
        x[-1], y[-1], p[-1] = sensor.width - 1, sensor.height - 1, 1
        return bg.Events(x, y, p, np.sort(draw(0, 1000, n)))

    def recordings(self, n: int | None = None) -> bg.EventSet:
        """A set of recordings."""
        n = n or self.B
        shots = [self.events() for _ in range(n)]
        return bg.EventSet.of(shots, self.labels(n), sensor=self.sensor(), window=1000)

    def series(self, n: int | None = None) -> bg.SeriesSet:
        """A set of series of 2 to T steps and N channels."""
        n = n or self.B
        lengths = torch.tensor([2 + i % (self.T - 1) for i in range(n)])
        values = self.randn(int(lengths.sum()), self.N)
        return bg.SeriesSet(values=values, lengths=lengths, y=self.labels(n), classes=self.C)

    def trains(self, n: int | None = None) -> bg.SpikeSet:
        """A set of spike trains of T steps and N inputs."""
        n = n or self.B
        s = self.rand(n, self.T, self.N) < 0.4
        return bg.SpikeSet(s=s, y=self.labels(n), classes=self.C)
