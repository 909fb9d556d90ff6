"""One learning step: spikes and targets in, `.grad` of every forward weight out.

It fits into any training loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from jaxtyping import Shaped
from torch import Tensor

from ..checks import instance_of, whole_number, word_of
from ..connections.taps import Wiring
from ..errors import ClassWeighted, ErrorNeurons, SignedSpikes
from ..fast_path import RULE, keeps
from ..feedback import Feedback
from ..inputs import check_finite_values, check_labels, spikes_for, trusted
from ..kernels.packed_spikes import PackedSpikes
from ..kernels.threads import in_parts
from ..maps.memory import MapMemory
from ..network import Layer, Network
from ..padding import PaddedSpikes, to_all_steps
from ..parts import check_feedback
from ..per_layer import for_each
from ..readout import Classes, Readout
from ..rules import Eligibility, Factorised, Rule, Update
from .by_events import BatchStats, TeachingPlan, teach
from .by_steps import PartResult, Teaching, layer_at_once, online
from .maps_by_events import teach_maps
from .one_sample import LearnedParts, OneSample, has_shape, takes
from .results import StepResult as StepResult
from .results import UpdateSink as UpdateSink
from .results import minus_mean
from .rules_of import like_neurons as like_neurons
from .step_buffers import BufferCache

Order = Literal["layer", "online"]
Precision = Literal["float32", "bfloat16"]
PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16}  # of convolutions while learning
_ORDERS = {"layer": layer_at_once, "online": online}


class LocalLearner:
    """Learning without backpropagation: a network, error neurons, a feedback path and a local rule.

    Every part may be your own class; its methods run as they are written. Stock parts take faster
    forms of the same steps (see `fast_path`).

    Args:
        net: the network whose `.grad` is written.
        feedback: how errors reach the hidden layers.
        error: the error neurons; signed spikes unless given.
        rule: the local rule, or a sequence of one per layer; per-step eligibility unless given,
            with traces that decay as each layer's neurons do (`like_neurons`).
        readout: meaning of the output's spikes; classes unless given (`Values` for regression).
        threads: number of parts that a batch is split into, one thread per part; sums are taken in
            a fixed order, so the last bits depend on this number and on nothing else. Set torch's
            own threads to 1 (`torch.set_num_threads`), or two pools of threads compete.
        order: "layer" rolls a whole layer over all T at once (fast; event-driven where `by_events`,
            by kernels on a GPU); "online" steps all layers together and keeps running sums only
            (memory independent of T). Both mean the same. A recurrent layer is rolled step by step
            in either; its recurrent synapses learn by the same rule, from the layer's own spikes of
            the step before: e-prop's eligibility (Bellec et al. 2020), psi times their trace,
            without the effects that a spike has later on.
        precision: "bfloat16" takes the products of convolutions, while learning, in 8 significant
            bits, several times faster on processors that have such units; weights, voltages,
            traces, sums by events and all that is measured stay float32.

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
        precision: Precision = "float32",
    ) -> None:
        check_feedback(net, feedback)
        self.net, self.feedback, self.order = net, feedback, order
        self.threads = whole_number(threads, "threads", 1)
        self.error = SignedSpikes() if error is None else error
        self.readout = Classes() if readout is None else readout
        instance_of(self.error, ErrorNeurons, "error", "error neurons, e.g. SignedSpikes()")
        instance_of(self.readout, Readout, "readout", "a readout, e.g. Classes()")
        chosen = like_neurons(net) if rule is None else rule
        self.rules = for_each(chosen, len(net.layers), "rules", "layer")
        for each in self.rules:
            instance_of(each, Rule, "rule", "a rule, e.g. Eligibility(), or one per layer")
        # None: every step writes its updates into new tensors, for the optimizer of this process
        self.update_sink: UpdateSink | None = None
        self._buffers, self._memory = BufferCache(), MapMemory()
        self.precision = word_of(precision, PRECISIONS, "precision")
        if not isinstance(order, str) or order not in _ORDERS:
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
        if isinstance(self.error, ClassWeighted) and len(self.error.weights) != net.classes:
            raise ValueError(
                f"there are {len(self.error.weights)} class weights for {net.classes} classes; need"
                " one each"
            )

    def __repr__(self) -> str:
        sizes = ", ".join(map(str, self.net.sizes))
        parts = f"{type(self.feedback).__name__}, {self.error!r}, {self.rule!r}, {self.readout!r}"
        return f"LocalLearner(Network({sizes}), {parts}, {self.order!r}, threads={self.threads})"

    @property
    def rule(self) -> Rule:
        """The rule of the first layer: of all layers, where one was given."""
        return self.rules[0]

    @property
    def teaching(self) -> Teaching:
        """The parts of this learner, as the steps take them (`by_steps`)."""
        dtype = PRECISIONS[self.precision]
        return Teaching(self.net, self.feedback, self.error, self.rules, dtype)

    @property
    def by_events(self) -> bool:
        """True where event-driven loops run this learner's steps, on packed spikes too.

        They know stock neurons and rules, and any feedback that projects by its weights or goes
        from layer to layer, in the layer order, float32 and on a CPU (see `fast_path`).
        """
        return self._dense_by_events or self._map_wirings() is not None

    @property
    def _stock_rules(self) -> bool:
        return self.order == "layer" and all(
            keeps(rule, Eligibility, *RULE) or keeps(rule, Factorised, *RULE) for rule in self.rules
        )

    @property
    def _dense_by_events(self) -> bool:
        """True for dense networks with direct feedback."""
        return (
            self._stock_rules and keeps(self.feedback, Feedback, "project") and self.net.by_events
        )

    def _map_wirings(self) -> list[Wiring] | None:
        """Return the wiring of every layer where loops over maps teach this network, else None."""
        path = self.feedback.layered or keeps(self.feedback, Feedback, "project")
        return self.net.wirings() if path and self._stock_rules else None

    def step(
        self,
        spikes: Shaped[Tensor, "T B ..."] | PackedSpikes | PaddedSpikes,
        labels: Shaped[Tensor, "n ..."],
    ) -> StepResult:
        """Learn from one batch: write minus the local update into every weight's `.grad`.

        A tensor that is in `.grad` from the step before may be written again, as by `backward`:
        clone it to keep it.

        Args:
            spikes: input spikes, 0 or 1, [T, B, input] or [T, B, C, H, W], of any real type; or
                packed; or padded, where samples differ in length.
            labels: classes, integers [B], 0 <= label < classes, or one-hot rows [B, classes]; or
                the targets of another readout: of `Values`, real numbers [B, values].
        Raises: ValueError or TypeError in one line for spikes or labels that do not fit the
        network or each other; nothing is written then.
        """
        quick_result = self._step_on_one(spikes, labels)
        if quick_result is not None:
            return quick_result
        check_labels(labels)
        lengths = spikes.lengths if isinstance(spikes, PaddedSpikes) else None
        spikes = spikes.s if isinstance(spikes, PaddedSpikes) else spikes
        target = self.readout.wished(labels, self.net.classes).to(self.net.layers[0].w.dtype)
        spikes = spikes_for(spikes, self.net.shapes[0], self.net.layers[0].w, batch=len(labels))
        steps = spikes.steps if isinstance(spikes, PackedSpikes) else len(spikes)
        with trusted():
            quick = self._dense_by_events and lengths is None
            stats = self._step_by_events(spikes, target) if quick else None
            if stats is None and lengths is None:
                stats = self._step_of_maps(spikes, target)
        if stats is None:
            dense = spikes.dense() if isinstance(spikes, PackedSpikes) else spikes
            if self.order == "online":  # `Network.roll` looks at the values itself
                check_finite_values(dense, "spikes")
            stats = self._step(dense, target, lengths)
        with trusted():  # counts of spikes
            answers = self.readout.answers(to_all_steps(stats.counts, steps, lengths), steps)
        return StepResult(answers, stats.error, stats.rates, stats.counts)

    def _step_on_one(self, spikes: object, labels: object) -> StepResult | None:
        """Learn from one sample in one compiled call; None where that call does not know it."""
        error, readout = self.error, self.readout
        known = (
            self.update_sink is None
            and self.order == "layer"
            and type(error) is SignedSpikes
            and type(readout) is Classes
            and not (vars(error) or vars(readout))  # a method assigned to the object
        )
        if not known or not takes(spikes, labels):
            return None
        assert isinstance(spikes, Tensor) and isinstance(labels, Tensor)
        parts, memory = LearnedParts(self.net, self.feedback, self.rules), self._buffers.of_one
        if not isinstance(memory, OneSample) or not memory.fits(parts, spikes.shape):
            factorised = any(isinstance(rule, Factorised) for rule in self.rules)
            if factorised or not self._dense_by_events or not has_shape(spikes, self.net):
                return None
            self._buffers.of_one = memory = OneSample(parts, len(spikes))
        return memory.learn(spikes, int(labels))

    def _step(self, spikes: Tensor, target: Tensor, lengths: Tensor | None) -> BatchStats:
        """Learn by the steps of every part, each thread on samples of its own."""
        learn = partial(_ORDERS[self.order], self.teaching)
        sides = [(spikes, 1), (target, 0)] + ([] if lengths is None else [(lengths, 0)])
        parts: list[PartResult] = in_parts(learn, self.threads, *sides)
        share = [len(part.counts) / len(target) for part in parts]
        for index in range(len(self.net.layers)):
            self._write(index, [part.updates[index] for part in parts], share)
        error = sum(part.error * weight for part, weight in zip(parts, share, strict=True))
        rates = sum(part.rates * weight for part, weight in zip(parts, share, strict=True))
        counts = torch.cat([part.counts for part in parts])
        # error and rates are sums of tensors, which mypy takes for numbers
        return BatchStats(counts, error, rates)  # type: ignore[arg-type]

    def _step_of_maps(self, spikes: Tensor | PackedSpikes, target: Tensor) -> BatchStats | None:
        """Learn layer by layer, event by event; None where those loops do not know the parts."""
        wires = self._map_wirings()
        if wires is None:
            return None
        sides = self.teaching, wires, spikes, target, self.threads, self._memory
        result = teach_maps(*sides)
        if result is None:
            return None
        for index, update in enumerate(result.updates):
            self._write(index, [update], [1.0])
        return BatchStats(result.counts, result.error, result.rates)

    @torch.no_grad()
    def _step_by_events(self, spikes: Tensor | PackedSpikes, target: Tensor) -> BatchStats | None:
        """Learn by the compiled loops; None where spikes are not 0 or 1, or there is no w_fb."""
        hidden = range(len(self.net.hidden))
        w_fb = [w for index in hidden if (w := self.feedback.weights(index)) is not None]
        if len(w_fb) < len(hidden):
            return None
        buffers = self.update_sink.update_buffers if self.update_sink else self._new_update
        updates = [buffers(index) for index in range(len(self.net.layers))]
        plan = TeachingPlan(
            self.net,
            [*w_fb, torch.eye(self.net.classes, dtype=torch.float32)],
            self.error,
            self.rules,
            self.threads,
            updates,
            lambda index: self._written(index, updates[index]),
        )
        return teach(plan, spikes, target, self._buffers)

    def _new_update(self, index: int) -> Update:
        layer: Layer = self.net.layers[index]
        return Update(
            torch.empty(layer.w.shape, dtype=torch.float32),
            torch.empty(layer.b.shape, dtype=torch.float32),
        )

    def _write(self, index: int, updates: list[Update], share: list[float]) -> None:
        columns = (list(column) for column in zip(*updates, strict=True))
        update = Update(*(minus_mean(column, share) for column in columns if column[0] is not None))
        if self.update_sink is not None:
            buffers = self.update_sink.update_buffers(index)
            for buffer, gradient in zip(buffers, update, strict=True):
                if buffer is not None and gradient is not None:
                    buffer.copy_(gradient)
            update = buffers
        self._written(index, update)

    def _written(self, index: int, update: Update) -> None:
        for parameter, gradient in zip(self.net.layers[index].parameters(), update, strict=False):
            parameter.grad = gradient
        if self.update_sink is not None:
            self.update_sink.on_update(index)
