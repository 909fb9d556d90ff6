"""Learning from one sample at a time, all of it in one compiled call.

The same loops, in the same order, as `by_events`: the bits are the same.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..feedback import Feedback
from ..kernels.event_driven import FIRE_ROWS, LEARN_ROWS
from ..kernels.one_sample import learn_one_sample
from ..kernels.packed_spikes import WORD
from ..kernels.row_sums import padded
from ..network import Network
from ..neurons import lif_params
from ..rules import Eligibility, Rule, Update
from .results import StepResult
from .step_buffers import BufferCache
from .update_sums import aligned

Arrays = tuple[np.ndarray, ...]


class OneSample:
    """Memory of learning steps on single samples of one network and number of steps.

    Args:
        net: dense layers of two-compartment LIF neurons that reset to zero.
        rules: `Eligibility` of every layer.
        steps: T.
    """

    def __init__(self, net: Network, rules: list[Rule], steps: int) -> None:
        self.steps = steps
        words = -(-steps // WORD)
        self._packed = np.empty((words, 1, net.sizes[0]), np.uint32)
        self._out = np.empty((2, steps, 1, net.classes), np.float32)
        self._constants = np.empty((len(rules), 6), np.float32)
        self.sizes, self.constants = net.sizes, constants_of(net, rules)
        self._constants[:] = self.constants
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

    def fits(self, net: Network, rules: list[Rule], steps: int) -> bool:
        """Return whether this memory is that of the network as it is now."""
        sizes = self.sizes == net.sizes and self.steps == steps
        return sizes and self.constants == constants_of(net, rules)

    def learn(
        self, net: Network, w_fb: list[Tensor], spikes: Tensor, label: int, updates: list[Update]
    ) -> StepResult | None:
        """Write minus the update of every layer; None where the spikes are not zeros and ones.

        Args:
            w_fb: feedback weights of the hidden layers, [N, C].
            spikes: float32 [T, 1, M], contiguous.
        """
        last = torch.empty(0, 0) if not w_fb else w_fb[0]
        stack = list(net.layers)
        weights = (
            tuple(layer.w.detach().contiguous().numpy() for layer in stack),
            tuple(layer.b.detach().contiguous().numpy() for layer in stack),
            tuple(w.detach().contiguous().numpy() for w in (*w_fb, last)),
        )
        into = (
            tuple(update.dw.numpy() for update in updates),
            tuple(update.db.numpy() for update in updates),
        )
        layers = len(updates)
        figures = torch.empty(1 + layers + net.classes)
        sides = spikes.numpy().reshape(-1), self.steps, label, self._packed, weights
        rest = self._constants, self._out, into, figures.numpy()
        predicted = learn_one_sample(*sides, self._memory, *rest)
        if predicted < 0:
            return None
        counts = figures[1 + layers :].view(1, net.classes)
        error, rates = figures[0], figures[1 : 1 + layers]
        return StepResult(torch.tensor([predicted]), error, rates, counts)


@torch.no_grad()
def learn_one(
    net: Network,
    feedback: Feedback,
    rules: list[Rule],
    spikes: Tensor,
    label: int,
    cache: BufferCache,
) -> StepResult | None:
    """Learn from one sample: write minus the update into every `.grad`.

    Args:
        net, feedback, rules: as `by_events` knows them, the rules `Eligibility`.
        spikes: as `takes` lets them through.
    Returns: None, with nothing written, where spikes are not zeros and ones, there is no such
        class, or feedback has no weights.
    """
    w_fb = [feedback.weights(index) for index in range(len(net.hidden))]
    path = [w for w in w_fb if w is not None]
    if not 0 <= label < net.classes or len(path) < len(w_fb):
        return None
    memory = cache.of_one
    if not isinstance(memory, OneSample) or not memory.fits(net, rules, len(spikes)):
        cache.of_one = memory = OneSample(net, rules, len(spikes))
    layers = list(net.layers)
    updates = [Update(torch.empty_like(layer.w), torch.empty_like(layer.b)) for layer in layers]
    result = memory.learn(net, path, spikes, label, updates)
    if result is not None:
        for layer, update in zip(layers, updates, strict=True):
            layer.w.grad, layer.b.grad = update.dw, update.db
    return result


def constants_of(net: Network, rules: list[Rule]) -> list[list[float]]:
    """Return alpha_u, alpha_v, window, alpha_a, alpha_x and alpha_z of every layer."""
    rows = []
    for layer, rule in zip(net.layers, rules, strict=True):
        p = lif_params(layer.neuron)
        assert isinstance(rule, Eligibility)
        alpha_a = 0.0 if layer is net.layers[-1] else p.alpha_a  # the output's errors last one step
        numbers = p.alpha_u, p.alpha_v, p.window, alpha_a, rule.trace.alpha_x, rule.trace.alpha_z
        rows.append([float(number) for number in numbers])
    return rows


def takes(net: Network, spikes: object, labels: object) -> bool:
    """Return whether spikes are one sample, [T, 1, ...], and labels one class."""
    return (
        isinstance(spikes, Tensor)
        and isinstance(labels, Tensor)
        and spikes.dtype == torch.float32
        and labels.dtype == torch.int64
        and labels.shape == (1,)
        and spikes.dim() >= 3
        and spikes.shape[1] == 1
        and len(spikes) > 0
        and tuple(spikes.shape[2:]) in (net.sizes[:1], net.shapes[0])
        and spikes.device.type == "cpu"
        and labels.device.type == "cpu"
        and spikes.is_contiguous()
        and not spikes.requires_grad
        and not isinstance(spikes, torch.nn.Parameter)
    )
