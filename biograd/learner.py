"""One learning step: spikes and labels in, `.grad` of every forward weight out. Fits into any training loop."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from . import scans
from .errors import ErrorNeurons, SignedSpikes, errors_over_time
from .feedback import Feedback
from .network import Layer, Network, read_out
from .neurons import apical_scan
from .rules import Eligibility, Rule, Update, update_over_time

Order = Literal["layer", "online"]


class StepResult(NamedTuple):
    """What a learning step saw."""

    predicted: Tensor  # int64 [B]
    error: Tensor  # mean |err| of the output, spikes a step, scalar
    rates: Tensor  # spikes a neuron and step of every layer, [layers]


class LocalLearner:
    """Learning without backpropagation: error neurons, a feedback path and a local rule around a network.

    Args:
        net: the network whose `.grad` is written.
        feedback: how errors reach the hidden layers.
        error: the error neurons; signed spikes unless given.
        rule: the local rule; per-step eligibility unless given.
        order: "layer" rolls a whole layer over all T at once (fast); "online" steps all layers together and keeps running sums
            only (memory independent of T). Both mean the same.

    Example:
        >>> net = Network((784, 64, 10))
        >>> learner = LocalLearner(net, RandomDFA(net))
        >>> optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
        >>> result = learner.step(torch.zeros(10, 32, 784), torch.zeros(32, dtype=torch.int64))
        >>> optimizer.step()
    """

    def __init__(
        self,
        net: Network,
        feedback: Feedback,
        *,
        error: ErrorNeurons | None = None,
        rule: Rule | None = None,
        order: Order = "layer",
    ) -> None:
        self.net, self.feedback, self.order = net, feedback, order
        self.error, self.rule = error or SignedSpikes(), rule or Eligibility()
        if order not in ("layer", "online"):
            raise ValueError(f"order is {order!r}; known: 'layer', 'online'")
        if order == "online" and not self.error.causal:
            raise ValueError(f"{type(self.error).__name__} needs the end of the sample, so it cannot learn online: use order 'layer'")

    def step(self, spikes: Float[Tensor, "T B M"], labels: Int[Tensor, " B"]) -> StepResult:
        """Show one batch, and write minus the local update into every forward parameter's `.grad`.

        Args:
            spikes: input spikes, 0 or 1, [T, B, input].
            labels: classes, int64 [B], 0 <= label < classes.
        """
        target = torch.nn.functional.one_hot(labels, self.net.classes).to(spikes.dtype)
        return self._layer_at_once(spikes, target) if self.order == "layer" else self._online(spikes, target)

    def _layer_at_once(self, spikes: Tensor, target: Tensor) -> StepResult:
        activity = self.net.roll(spikes)
        s_out = activity[-1].s
        err = errors_over_time(self.error, s_out, target)
        s_pre = spikes
        for index, (layer, done) in enumerate(zip(self.net.layers, activity, strict=True)):
            if index == len(activity) - 1:
                g = err  # the output layer hears its own error neurons; a window there would silence the silent (ALGORITHM)
            else:
                g = _gate(apical_scan(self.net.neuron, self.feedback.project(err, index)), done.psi)
            _write_grad(layer, update_over_time(self.rule, g, s_pre))
            s_pre = done.s
        rates = torch.stack([done.s.mean() for done in activity])
        return StepResult(read_out(s_out), err.abs().mean(), rates)

    def _online(self, spikes: Tensor, target: Tensor) -> StepResult:
        net, neuron, steps, batch = self.net, self.net.neuron, *spikes.shape[:2]
        states = net.rest(batch)
        v_apical = [torch.zeros_like(state.s) for state in states[:-1]]
        rule_states = [self.rule.start(state.s, spikes[0] if i == 0 else states[i - 1].s) for i, state in enumerate(states)]
        counts, error, rates = torch.zeros_like(target), torch.zeros(()), torch.zeros(len(states))
        for t in range(steps):
            states = net.step(states, spikes[t])
            counts = counts + states[-1].s
            err = self.error.error(states[-1].s, counts / (t + 1), target)
            s_pre = spikes[t]
            for index, state in enumerate(states):
                if index == len(states) - 1:
                    g = err
                else:
                    v_apical[index] = neuron.apical(v_apical[index], self.feedback.project(err, index))
                    g = v_apical[index] * neuron.slope(state)
                rule_states[index] = self.rule.step(rule_states[index], g, s_pre)
                s_pre = state.s
            error = error + err.abs().mean().cpu() / steps
            rates = rates + torch.stack([state.s.mean().cpu() for state in states]) / steps
        for layer, rule_state in zip(net.layers, rule_states, strict=True):
            _write_grad(layer, self.rule.finish(rule_state, steps))
        return StepResult(read_out(counts.unsqueeze(0)), error, rates)


def _gate(v_apical: Tensor, psi: Tensor) -> Tensor:
    """The local product g = v_apical psi."""
    if psi.dtype == torch.bool and scans.runs_on(v_apical) and v_apical.is_contiguous():
        return scans.gate(v_apical, psi)
    return v_apical * psi


def _write_grad(layer: Layer, update: Update) -> None:
    layer.w.grad, layer.b.grad = update.dw.neg_(), update.db.neg_()
