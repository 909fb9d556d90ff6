"""Learning from one sample at a time, all of it in one compiled call.

The same loops, in the same order, as `by_events`: the bits are the same. At batch 1 the checks
around that call would take longer than the call. They are done once for the parts of a learner, and
again when any of these parts, or the memory of a weight, is no longer the same object.
"""

from __future__ import annotations

from operator import is_
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..feedback import Feedback
from ..kernels.event_driven import FIRE_ROWS, LEARN_ROWS
from ..kernels.one_sample import learn_one_sample
from ..kernels.packed_spikes import WORD
from ..kernels.row_sums import padded
from ..network import Network
from ..neurons import lif_params
from ..rules import Eligibility, Rule
from .results import StepResult
from .update_sums import aligned

Arrays = tuple[np.ndarray, ...]


class LearnedParts(NamedTuple):
    """The parts of a learner that its compiled call stands for."""

    net: Network  # dense layers of two-compartment LIF neurons that reset to zero
    feedback: Feedback  # projects by its weights
    rules: list[Rule]  # `Eligibility` of every layer

    def seen(self) -> tuple[list[object], list[object]]:
        """Return what a compiled call depends on: objects, known by identity, and numbers.

        An object's number of attributes counts, since a method assigned to it overrides its
        class's; so do the addresses of weights, which `module.to` and `parameter.data` change.
        """
        net, feedback, rules = self
        objects: list[object] = [net, feedback]
        numbers: list[object] = [len(vars(net)), len(vars(feedback))]
        for layer, rule in zip(net.layers, rules, strict=True):
            w, b, neuron = layer.w, layer.b, layer.neuron
            trace = getattr(rule, "trace", None)
            objects += layer, w, b, layer.w_rec, layer.connection, layer.pools
            objects += neuron, neuron.params, rule, trace
            numbers += len(vars(layer)), len(vars(neuron)), len(vars(rule))
            numbers += w.data_ptr(), w.stride(), b.data_ptr(), b.stride()
        return objects, numbers


class OneSample:
    """Memory of learning steps on single samples of one learner and number of steps.

    Args:
        parts: as `by_events` knows them.
        steps: T.
    """

    def __init__(self, parts: LearnedParts, steps: int) -> None:
        net, _, rules = parts
        self._parts, self._seen, self._steps = parts, parts.seen(), steps
        self._shapes = (steps, 1, *net.sizes[:1]), (steps, 1, *net.shapes[0])
        self._classes, self._hidden = net.classes, range(len(net.hidden))
        words = -(-steps // WORD)
        self._packed = np.empty((words, 1, net.sizes[0]), np.uint32)
        self._out = np.empty((2, steps, 1, net.classes), np.float32)
        self._constants = np.array(_constants(net, rules), np.float32)
        w, b = [layer.w for layer in net.layers], [layer.b for layer in net.layers]
        self._parameters: list[nn.Parameter] = [*w, *b]
        # A copy shares no memory with its parameter, so it is good for one step only.
        self._copied = not all(parameter.is_contiguous() for parameter in self._parameters)
        self._weights = tuple(map(_array, w)), tuple(map(_array, b))
        columns: list[Arrays] = []
        for number, (inputs, out) in enumerate(zip(net.sizes[:-1], net.sizes[1:], strict=True)):
            width = padded(out)
            w_t, bias = aligned(inputs, width), np.zeros((1, width), np.float32)
            w_t[:, out:] = 0
            w_fb = np.zeros((net.classes, width), np.float32)
            if number == len(rules) - 1:
                w_fb[:, :out] = np.eye(out)
            trains = (np.empty((words, 1, out), np.uint32) for _ in range(2))
            sums = aligned(1, inputs, width), aligned(1, width)
            room = aligned(LEARN_ROWS + steps, width)
            columns.append((w_t, bias, *trains, aligned(FIRE_ROWS, width), w_fb, *sums, room))
        self._memory = tuple(zip(*columns, strict=True))
        self._gradients: list[Tensor] = []
        self._addresses: list[int] = []  # of the gradients' memory
        self._into: tuple[Arrays, Arrays] = (), ()

    def fits(self, parts: LearnedParts, shape: torch.Size) -> bool:
        """Return whether this memory is that of these parts as they are now, and of such spikes."""
        if shape not in self._shapes or self._copied:
            return False
        objects, numbers = parts.seen()
        known, counted = self._seen
        return counted == numbers and len(known) == len(objects) and all(map(is_, known, objects))

    def learn(self, spikes: Tensor, label: int) -> StepResult | None:
        """Write minus the update into every `.grad`.

        Args:
            spikes: float32 [T, 1, M], contiguous.
        Returns: None, with nothing written, where spikes are not zeros and ones, there is no such
            class, or feedback has no weights.
        """
        path = self._path()
        if path is None or not 0 <= label < self._classes:
            return None
        kept = self._gradients_are_kept()
        if not kept:
            self._make_gradients()
        layers, classes = len(self._hidden) + 1, self._classes
        figures = torch.empty(1 + layers + classes, dtype=torch.float32)
        sides = spikes.numpy().reshape(-1), self._steps, label, self._packed
        rest = self._memory, self._constants, self._out, self._into, figures.numpy()
        predicted = learn_one_sample(*sides, (*self._weights, path), *rest)
        if predicted < 0:
            return None
        if not kept:
            for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
                parameter.grad = gradient
        answer = torch.full((1,), predicted)
        error, rates, counts = figures.split_with_sizes([1, layers, classes])
        return StepResult(answer, error.view(()), rates, counts.view(1, classes))

    def _path(self) -> Arrays | None:
        """Return w_fb of every layer, the last one's empty; None where a hidden layer has none."""
        path = [self._parts.feedback.weights(index) for index in self._hidden]
        arrays = tuple(_array(w) for w in path if w is not None)
        if len(arrays) < len(path):
            return None
        return (*arrays, arrays[0] if arrays else np.empty((0, 0), np.float32))

    def _gradients_are_kept(self) -> bool:
        """Return whether every `.grad` is still the tensor of the step before.

        It is then written again, as `backward` does; a gradient that a program took away, for
        instance by `zero_grad`, stays as it is.
        """
        return bool(self._gradients) and all(
            parameter.grad is gradient and gradient.data_ptr() == address
            for parameter, gradient, address in zip(
                self._parameters, self._gradients, self._addresses, strict=True
            )
        )

    def _make_gradients(self) -> None:
        self._gradients = [
            torch.empty(parameter.shape, dtype=torch.float32) for parameter in self._parameters
        ]
        self._addresses = [gradient.data_ptr() for gradient in self._gradients]
        arrays, layers = [gradient.numpy() for gradient in self._gradients], len(self._hidden) + 1
        self._into = tuple(arrays[:layers]), tuple(arrays[layers:])


def _array(weights: Tensor) -> np.ndarray:
    """Return weights as the loops read them: the same memory, where it is contiguous."""
    return weights.detach().contiguous().numpy()


def _constants(net: Network, rules: list[Rule]) -> list[list[float]]:
    """Return alpha_u, alpha_v, window, alpha_a, alpha_x and alpha_z of every layer."""
    rows = []
    for layer, rule in zip(net.layers, rules, strict=True):
        p = lif_params(layer.neuron)
        assert isinstance(rule, Eligibility)
        alpha_a = 0.0 if layer is net.layers[-1] else p.alpha_a  # the output's errors last one step
        numbers = p.alpha_u, p.alpha_v, p.window, alpha_a, rule.trace.alpha_x, rule.trace.alpha_z
        rows.append([float(number) for number in numbers])
    return rows


def takes(spikes: object, labels: object) -> bool:
    """Return whether spikes are one sample, [T, 1, ...], and labels one class."""
    return (
        type(spikes) is Tensor
        and type(labels) is Tensor
        and spikes.dtype == torch.float32
        and labels.dtype == torch.int64
        and labels.shape == (1,)
        and spikes.dim() >= 3
        and spikes.shape[1] == 1
        and spikes.is_cpu
        and labels.is_cpu
        and spikes.is_contiguous()
        and not spikes.requires_grad
    )


def has_shape(spikes: Tensor, net: Network) -> bool:
    """Return whether spikes have at least one step, and the network's inputs."""
    return len(spikes) > 0 and tuple(spikes.shape[2:]) in (net.sizes[:1], net.shapes[0])
