"""One learning step: spikes and targets in, `.grad` of every forward weight out. Fits into any
training loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from ..errors import ClassWeighted, ErrorNeurons, SignedSpikes, errors_over_time
from ..feedback import Feedback
from ..kernels.packed_spikes import PackedSpikes
from ..kernels.threads import in_parts
from ..network import Layer, Network, delayed
from ..neurons import TwoCompartmentLIF, apical_scan, lif_params
from ..readout import Classes, Readout
from ..rules import Eligibility, Factorised, Rule, Update, update_over_time
from ..traces import TraceParams
from . import on_gpu
from .by_events import BatchStats, BufferCache, TeachingPlan, teach

Order = Literal["layer", "online"]


class StepResult(NamedTuple):
    """What a learning step saw."""

    predicted: Tensor  # classes, int64 [B], or values [B, values]: what the readout answers
    error: Tensor  # mean |err| of the output, spikes per step, scalar
    rates: Tensor  # spikes per neuron and step of every layer, [layers]
    # output spikes of each sample, [B, C]; None: of a learner that does not tell
    counts: Tensor | None = None


class _Part(NamedTuple):
    predicted: Tensor
    error: Tensor
    rates: Tensor
    updates: list[Update]
    counts: Tensor


def like_neurons(net: Network) -> list[Rule]:
    """Per-step eligibility for each layer, whose synapses remember as long as its neurons do; of
    unknown neurons, as `TraceParams` has it.

    Example:
        >>> net = Network((784, 64, 10), neuron=TwoCompartmentLIF(TwoCompartmentParams(alpha_u=0.0, alpha_v=0.9)))
        >>> [rule.trace for rule in like_neurons(net)]
        [TraceParams(alpha_x=0.0, alpha_z=0.9), TraceParams(alpha_x=0.0, alpha_z=0.9)]
    """
    neurons = (layer.neuron for layer in net.layers)
    return [
        Eligibility(TraceParams.like(own.params) if isinstance(own, TwoCompartmentLIF) else None)
        for own in neurons
    ]


class LocalLearner:
    """Learning without backpropagation: error neurons, a feedback path and a local rule around a
    network.

    Args:
        net: the network whose `.grad` is written.
        feedback: how errors reach the hidden layers.
        error: the error neurons; signed spikes unless given.
        rule: the local rule, or one for each layer in turn; per-step eligibility unless given, with
            traces as long as each layer's neurons' (`like_neurons`).
        readout: what the output's spikes mean; classes unless given (`Values` for regression).
        threads: how many parts a batch is split into, each worked on by one thread; sums are taken
            in a fixed order, so the last bits depend on this number and on nothing else. Set
            torch's own threads to 1 beside it.
        order: "layer" rolls a whole layer over all T at once (fast; event-driven where `by_events`,
            by kernels on a GPU); "online" steps all layers together and keeps running sums only
            (memory independent of T). Both mean the same. A recurrent layer is rolled step by step
            in either; its recurrent synapses learn by the same rule, from the layer's own spikes of
            the step before: e-prop's eligibility (Bellec et al. 2020), psi times the trace of
            these, with what else a spike sets off later left out.

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
        rule: Rule | Sequence[Rule] | None = None,
        readout: Readout | None = None,
        order: Order = "layer",
        threads: int = 1,
    ) -> None:
        self.net, self.feedback, self.order = net, feedback, order
        self.error, self.readout = error or SignedSpikes(), readout or Classes()
        one = rule or like_neurons(net)
        self.rules = [one] * len(net.layers) if isinstance(one, Rule) else list(one)
        if len(self.rules) != len(net.layers):
            raise ValueError(
                f"there are {len(self.rules)} rules for {len(net.layers)} layers: give one for all,"
                " or one for each"
            )
        self.threads = threads
        # told the number of each layer as soon as its `.grad` is written
        self.on_update: Callable[[int], None] | None = None
        # what the `.grad` of a layer is written into; fresh tensors where None
        self.room: Callable[[int], Update] | None = None
        self._rooms = BufferCache()
        if order not in ("layer", "online"):
            raise ValueError(f"order is {order!r}; known: 'layer', 'online'")
        if order == "online" and not self.error.causal:
            raise ValueError(
                f"{type(self.error).__name__} needs the end of the sample, so it cannot learn"
                " online: use order 'layer'"
            )
        if isinstance(self.error, ClassWeighted) and not isinstance(self.readout, Classes):
            raise ValueError(
                f"class weights have no meaning where {type(self.readout).__name__} are read: leave"
                " ClassWeighted out"
            )

    @property
    def rule(self) -> Rule:
        """The rule of the first layer: of all, where one was given."""
        return self.rules[0]

    @property
    def by_events(self) -> bool:
        """Whether the layer order takes the event-driven loops: the standard neuron, feedback and
        rules, in float32 on a CPU.
        """
        rules = all(type(rule) in (Eligibility, Factorised) for rule in self.rules)
        return (
            self.order == "layer"
            and rules
            and type(self.feedback).project is Feedback.project
            and self.net.by_events
        )

    def step(
        self, spikes: Float[Tensor, "T B M"] | PackedSpikes, labels: Shaped[Tensor, "B ..."]
    ) -> StepResult:
        """Show one batch, and write minus the local update into every forward parameter's `.grad`.

        Args:
            spikes: input spikes, 0 or 1, [T, B, input]; or the same as trains.
            labels: classes, int64 [B], 0 <= label < classes; or what the readout takes: of
                `Values`, real numbers [B, values].
        """
        target = self.readout.wished(labels, self.net.classes).to(self.net.layers[0].w.dtype)
        steps = spikes.steps if isinstance(spikes, PackedSpikes) else len(spikes)
        if self.by_events and (seen := self._by_events(spikes, target)) is not None:
            return StepResult(
                self.readout.answers(seen.counts, steps), seen.error, seen.rates, seen.counts
            )
        if isinstance(spikes, PackedSpikes):
            spikes = spikes.dense()
        parts = in_parts(
            self._layer_at_once if self.order == "layer" else self._online,
            self.threads,
            (spikes, 1),
            (target, 0),
        )
        share = [len(part.predicted) / len(labels) for part in parts]
        for index in range(len(self.net.layers)):
            self._write(index, [part.updates[index] for part in parts], share)
        error = sum(part.error * w for part, w in zip(parts, share, strict=True))
        rates = sum(part.rates * w for part, w in zip(parts, share, strict=True))
        predicted, counts = (
            torch.cat([part.predicted for part in parts]),
            torch.cat([part.counts for part in parts]),
        )
        return StepResult(predicted, error, rates, counts)  # type: ignore[arg-type]  # sums of tensors

    def _write(self, index: int, updates: list[Update], share: list[float]) -> None:
        columns = (list(column) for column in zip(*updates, strict=True))
        update = Update(
            *(_minus_mean(column, share) for column in columns if column[0] is not None)
        )
        if self.room is not None:
            for into, found in zip(room := self.room(index), update, strict=True):
                if into is not None and found is not None:
                    into.copy_(found)
            update = room
        self._written(index, update)

    def _written(self, index: int, update: Update) -> None:
        for parameter, gradient in zip(self.net.layers[index].parameters(), update, strict=False):
            parameter.grad = gradient
        if self.on_update is not None:
            self.on_update(index)

    @torch.no_grad()
    def _by_events(self, spikes: Tensor | PackedSpikes, target: Tensor) -> BatchStats | None:
        """The step by the compiled loops; None where the spikes are not zeros and ones."""
        w_fb = [self.feedback.weights(hidden) for hidden in range(len(self.net.hidden))] + [
            torch.eye(self.net.classes)
        ]
        updates = [
            self.room(index) if self.room else _empty(layer)
            for index, layer in enumerate(self.net.layers)
        ]
        course = TeachingPlan(
            self.net,
            w_fb,
            self.error,
            self.rules,
            self.threads,
            updates,
            lambda index: self._written(index, updates[index]),
        )
        return teach(course, spikes, target, self._rooms)

    # grad mode is a thread's own, and parameters of a user's network may ask for gradients
    @torch.no_grad()
    def _layer_at_once(self, spikes: Tensor, target: Tensor) -> _Part:
        activity = self.net.roll(spikes)
        s_out = activity[-1].s
        err = errors_over_time(self.error, s_out, target)
        s_pre, updates = spikes, []
        for index, done in enumerate(activity):
            # The output layer hears its own error neurons; a window there would leave silent
            # outputs untaught.
            hidden = index < len(activity) - 1
            teach, psi = (self.feedback.project(err, index), done.psi) if hidden else (err, None)
            update = self._taught(index, teach, psi, s_pre)
            if self.net.layers[index].w_rec is not None:
                update = update._replace(dw_rec=self._taught(index, teach, psi, delayed(done.s)).dw)
            updates.append(update)
            s_pre = done.s
        rates = torch.stack([done.s.mean() for done in activity])
        counts = s_out.sum(0)
        return _Part(
            self.readout.answers(counts, len(s_out)), err.abs().mean(), rates, updates, counts
        )

    def _taught(self, index: int, teach: Tensor, psi: Tensor | None, s_pre: Tensor) -> Update:
        """A layer's update from what its apical dendrites hear; psi None: no gate, and errors do
        not linger.

        Args:
            s_pre: spikes before the synapses: the layer's below, or its own of the step before.
        """
        neuron, rule = self.net.layers[index].neuron, self.rules[index]
        if on_gpu.learns(neuron, rule, teach):
            return on_gpu.update(
                rule, teach, psi, s_pre, 0.0 if psi is None else lif_params(neuron).alpha_a
            )
        return update_over_time(
            rule, teach if psi is None else apical_scan(neuron, teach) * psi, s_pre
        )

    @torch.no_grad()
    def _online(self, spikes: Tensor, target: Tensor) -> _Part:
        net, rules, steps, batch = self.net, self.rules, *spikes.shape[:2]
        states = net.rest(batch)
        v_apical = [torch.zeros_like(state.s) for state in states[:-1]]
        rule_states = [
            rules[i].start(state.s, spikes[0] if i == 0 else states[i - 1].s)
            for i, state in enumerate(states)
        ]
        loops = {
            i: rules[i].start(state.s, state.s)
            for i, state in enumerate(states)
            if net.layers[i].w_rec is not None
        }
        counts, error, rates = (
            torch.zeros_like(target),
            target.new_zeros(()),
            target.new_zeros(len(states)),
        )
        for t in range(steps):
            past, states = states, net.step(states, spikes[t])
            counts = counts + states[-1].s
            err = self.error.error(states[-1].s, counts / (t + 1), target)
            s_pre = spikes[t]
            for index, state in enumerate(states):
                g, neuron = err, net.layers[index].neuron
                if index < len(states) - 1:
                    v_apical[index] = neuron.apical(
                        v_apical[index], self.feedback.project(err, index)
                    )
                    g = v_apical[index] * neuron.slope(state)
                rule_states[index] = rules[index].step(rule_states[index], g, s_pre)
                if index in loops:
                    loops[index] = rules[index].step(loops[index], g, past[index].s)
                s_pre = state.s
            error = error + err.abs().mean() / steps
            rates = rates + torch.stack([state.s.mean() for state in states]) / steps
        answers = self.readout.answers(counts, steps)
        updates = [
            rule.finish(state, steps) for rule, state in zip(rules, rule_states, strict=True)
        ]
        for index, loop in loops.items():
            updates[index] = updates[index]._replace(dw_rec=rules[index].finish(loop, steps).dw)
        return _Part(answers, error, rates, updates, counts)


def _empty(layer: Layer) -> Update:
    return Update(torch.empty(layer.w.shape), torch.empty(layer.b.shape))


def _minus_mean(updates: list[Tensor], share: list[float]) -> Tensor:
    """Minus the weighted mean of the parts' updates: optimizers descend."""
    if len(updates) == 1:
        return updates[0].neg_()
    total = updates[0].mul_(-share[0])
    for update, weight in zip(updates[1:], share[1:], strict=True):
        total.add_(update, alpha=-weight)
    return total
