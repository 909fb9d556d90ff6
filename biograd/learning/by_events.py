"""One learning step, event by event: fire and learn, each thread on samples of its own.

Threads meet four times: when weights are transposed and spikes packed, when all layers have fired,
when updates are summed over the samples of each part, and when the sums over parts are written.
Sums are taken part by part in order, so the last bits depend on the number of threads alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import ErrorNeurons, SignedSpikes, errors_over_time
from ..kernels.event_driven import fire_samples
from ..kernels.event_step import transpose_part, unpack_output
from ..kernels.packed_spikes import PackedSpikes, count_all, flat_spikes, pack_samples, unsigned
from ..kernels.threads import side_by_side
from ..network import Network
from ..neurons import lif_params
from ..rules import Eligibility, Rule, Update
from .step_buffers import BufferCache, StepBuffers, StepKey

# neurons of a layer whose updates are summed up together; ours, the fastest of 128, 256 and 512 at
# 784 inputs
BLOCK = 256


class BatchStats(NamedTuple):
    """Statistics of one batch."""

    counts: Tensor  # spikes of each output neuron, [B, C]
    error: Tensor  # mean |err|, spikes per step, scalar
    rates: Tensor  # spikes per neuron and step of every layer, [layers]


class TeachingPlan(NamedTuple):
    """A network and all that its learning step needs besides spikes and targets."""

    net: Network
    # feedback weights of every layer, [N, C]; the output's own errors reach it one to one
    w_fb: list[Tensor]
    error: ErrorNeurons
    rules: list[Rule]  # `Eligibility` or `Factorised`, of every layer
    threads: int  # how many parts a batch is split into
    updates: list[Update]  # of every layer, overwritten
    written: Callable[[int], None]  # called with the number of each layer once its update is there


def teach(
    plan: TeachingPlan,
    spikes: Float[Tensor, "T B M"] | PackedSpikes,
    target: Float[Tensor, "B C"],
    cache: BufferCache | None = None,
) -> BatchStats | None:
    """Learn from a batch: write minus the mean update of every layer.

    Args:
        spikes: input spikes; the loops trust their size (`inputs.spikes_for`).
        target: wanted spikes per step of the output neurons.
        cache: memory kept from one batch to the next, which makes small batches faster.
    Returns: None, with nothing written, where the input spikes are not zeros and ones.
    """
    steps = spikes.steps if isinstance(spikes, PackedSpikes) else len(spikes)
    buffers = (cache or BufferCache()).fit(_key(plan, steps, len(target)))
    packed = _prepare(plan.net, spikes, buffers)
    if packed is None:
        return None
    side_by_side(lambda part: _fire(packed, buffers, part), len(buffers.parts))
    # The output layer receives its own error neurons' spikes; a window there would leave silent
    # outputs untaught.
    buffers.layers[-1].psi.fill(0xFFFFFFFF)
    s_out = torch.empty(steps, *target.shape, dtype=torch.float32)
    counts = torch.empty(target.shape, dtype=torch.float32)
    unpack_output(buffers.layers[-1].s, s_out.numpy(), counts.numpy())
    error = plan.error
    quick = type(error) is SignedSpikes  # which needs no rates
    err = error.error(s_out, s_out, target) if quick else errors_over_time(error, s_out, target)
    err_array = err.contiguous().numpy()
    for group in buffers.layer_groups:
        _learn(plan, group, packed, err_array, buffers)
    totals = np.array([count_all(layer.s) for layer in buffers.layers])
    rates = torch.from_numpy((totals / buffers.neuron_steps).astype(np.float32))
    return BatchStats(counts, err.abs().mean(), rates)


def _key(plan: TeachingPlan, steps: int, batch: int) -> StepKey:
    params = tuple(lif_params(layer.neuron) for layer in plan.net.layers)
    traces = tuple(rule.trace if isinstance(rule, Eligibility) else None for rule in plan.rules)
    return StepKey(plan.net.sizes, params, traces, steps, batch, plan.threads, BLOCK)


def _prepare(
    net: Network, spikes: Tensor | PackedSpikes, buffers: StepBuffers
) -> np.ndarray | None:
    """Transpose all weights, and pack the input spikes.

    Returns: uint32 [W, B, M]; None where the spikes are not zeros and ones.
    """
    parts = len(buffers.parts)
    weights = [layer.w.detach().contiguous().numpy() for layer in net.layers]
    for layer, memory in zip(net.layers, buffers.layers, strict=True):
        memory.b[: layer.b.numel()] = layer.b.detach().numpy()
    if isinstance(spikes, PackedSpikes):
        flat = None
        packed = unsigned(spikes if spikes.words.is_contiguous() else spikes.of(slice(None)))
    else:
        flat, packed = flat_spikes(spikes), buffers.packed

    def prepare(part: int) -> bool:
        for w, memory in zip(weights, buffers.layers, strict=True):
            transpose_part(w, memory.w_t, part, parts)
        return flat is None or pack_samples(*flat, buffers.steps, *buffers.parts[part], packed)

    return packed if all(side_by_side(prepare, parts)) else None


def _fire(packed: np.ndarray, buffers: StepBuffers, part: int) -> None:
    """Roll the samples of a part through all layers."""
    before, samples = packed, buffers.parts[part]
    for layer in buffers.layers:
        weights, into = (layer.w_t, layer.b), (layer.s, layer.psi)
        scratch = layer.scratch[part]
        fire_samples(before, buffers.steps, *weights, *layer.constants, *into, *samples, scratch)
        before = layer.s


def _learn(
    plan: TeachingPlan, group: list[int], packed: np.ndarray, err: np.ndarray, buffers: StepBuffers
) -> None:
    """Sum, write and announce the updates of a group of layers.

    Args:
        packed: uint32 [W, B, M], input spikes.
        err: float32 [T, B, C], spikes of the error neurons.
    """
    layers, parts = buffers.layers, len(buffers.parts)
    before = [packed, *(layer.s for layer in layers)]
    for n in group:
        layers[n].sums.load_feedback(plan.w_fb[n])

    def learn(part: int) -> None:
        for n in group:
            layers[n].sums.learn(part, buffers.parts[part], before[n], layers[n].psi, err)

    def write(part: int) -> None:
        for n in group:
            layers[n].sums.write(part, plan.updates[n])

    side_by_side(learn, parts)
    side_by_side(write, parts)
    for n in group:
        plan.written(n)
