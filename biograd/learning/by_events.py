"""One learning step, event by event: a batch is packed, fired and taught, each thread working on
samples of its own.

Threads meet four times: when weights are turned and spikes packed, when all have fired, when all
have been taught, and when the sums over their parts are written. Sums are taken part by part in
order, so the last bits depend on the number of threads alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import ErrorNeurons, SignedSpikes, errors_over_time
from ..kernels import event_step
from ..kernels.event_driven import FIRE_ROWS, LEARN_ROWS
from ..kernels.packed_spikes import WORD, PackedSpikes, flat_spikes, unsigned
from ..kernels.row_sums import padded
from ..kernels.threads import share_out, side_by_side
from ..network import Network
from ..neurons import TwoCompartmentParams, lif_params
from ..rules import Eligibility, Rule, Update
from ..traces import TraceParams

# neurons of a layer whose updates are worked out together; ours, the fastest of 128, 256 and 512 at
# 784 inputs
BLOCK = 256

# rooms of different shapes: an epoch has batches of one size, and a smaller one at its end
KEPT = 2
_NOTHING = np.empty(0, np.float32)
# of a factorised layer: its number, feedback [C, N], errors [B, N] and spikes [B, M]
_Side = tuple[int, Tensor, Tensor, Tensor]


class BatchStats(NamedTuple):
    """What a batch did."""

    counts: Tensor  # spikes of each output neuron, [B, C]
    error: Tensor  # mean |err|, spikes per step, scalar
    rates: Tensor  # spikes per neuron and step of every layer, [layers]


class TeachingPlan(NamedTuple):
    """A network, and what teaches it."""

    net: Network
    # feedback weights of every layer, [N, C]; the output's own errors reach it one to one
    w_fb: list[Tensor]
    error: ErrorNeurons
    rules: list[Rule]  # `Eligibility` or `Factorised`, of every layer
    threads: int  # how many parts a batch is split into
    updates: list[Update]  # what is written into, for each layer
    written: Callable[[int], None]  # told the number of each layer as soon as its update is there


def teach(
    course: TeachingPlan,
    spikes: Float[Tensor, "T B M"] | PackedSpikes,
    target: Float[Tensor, "B C"],
    rooms: BufferCache | None = None,
) -> BatchStats | None:
    """Show a batch, and write minus the mean update of every layer; None where the spikes are not
    zeros and ones.

    Args:
        rooms: the memory that is kept from one batch to the next, which makes small ones faster;
            none where None.
    """
    room = (rooms or BufferCache()).fit(
        course, spikes.steps if isinstance(spikes, PackedSpikes) else len(spikes), len(target)
    )
    if not _fire(course.net, spikes, room):
        return None
    s_out, counts, totals = (
        torch.empty(room.steps, *target.shape),
        torch.empty(target.shape),
        np.empty(len(room.layers), np.int64),
    )
    event_step.look(
        room.trains[-1], s_out.numpy(), counts.numpy(), room.layers, room.words, room.batch, totals
    )
    quick = type(course.error) is SignedSpikes  # which asks for no rates
    err = (
        course.error.error(s_out, s_out, target)
        if quick
        else errors_over_time(course.error, s_out, target)
    )
    _learn(course, err.contiguous(), room)
    return BatchStats(
        counts, err.abs().mean(), torch.from_numpy((totals / room.chances).astype(np.float32))
    )


class StepBuffers:
    """The memory of a learning step: trains, slopes, turned weights and sums, and the rows that
    point to them.

    Args:
        sizes: neurons of each population.
        params: of every layer's neurons.
        traces: of every layer's synapses; None where its rule is factorised.
        parts: first sample of each part of a batch, and the one after its last.
    """

    def __init__(
        self,
        sizes: tuple[int, ...],
        params: tuple[TwoCompartmentParams, ...],
        traces: tuple[TraceParams | None, ...],
        steps: int,
        parts: tuple[tuple[int, int], ...],
    ) -> None:
        self.steps, self.batch, self.words, self.parts, self.params = (
            steps,
            parts[-1][1],
            -(-steps // WORD),
            parts,
            params,
        )
        self.packed = np.empty((self.words, self.batch, sizes[0]), np.uint32)
        pairs = list(itertools.pairwise(sizes))
        self.trains, self.slopes = [self.packed], list[np.ndarray]()
        self.biases, self.turned, rows = list[np.ndarray](), list[np.ndarray](), list[list[Any]]()
        for inputs, out in pairs:
            self.turned.append(_room(inputs, padded(out)))
            self.biases.append(np.zeros(padded(out), np.float32))
            s, psi = (np.empty((self.words, self.batch, out), np.uint32) for _ in range(2))
            rows.append(
                [
                    0,
                    self.turned[-1],
                    self.biases[-1],
                    self.trains[-1],
                    s,
                    psi,
                    inputs,
                    out,
                    padded(out),
                ]
            )
            self.trains.append(s)
            self.slopes.append(psi)
        self.layers = _table(rows)
        self.alphas = np.array([(p.alpha_u, p.alpha_v, p.window) for p in params], np.float32)
        # neurons times steps, of all samples
        self.chances = self.batch * steps * np.array(sizes[1:])
        widest = max(padded(out) for out in sizes[1:])
        self.scratch = _room(
            len(parts), max(FIRE_ROWS * widest, (LEARN_ROWS + steps) * min(BLOCK, widest))
        )
        self.lessons = np.array(
            [(_lingering(self, i), *_filters(trace)) for i, trace in enumerate(traces)], np.float32
        )
        self.blocks = {
            i: _Blocks(i, *pairs[i], sizes[-1], len(parts))
            for i, trace in enumerate(traces)
            if trace is not None
        }
        self.sides = {
            i: (torch.empty(self.batch, pairs[i][1]), torch.empty(self.batch, pairs[i][0]))
            for i, trace in enumerate(traces)
            if trace is None
        }
        # One thread alone writes layer by layer, so that each may be used while the next is
        # computed; several meet once for all of them.
        one_by_one = len(parts) == 1
        self.portions = (
            [[i] for i in range(len(pairs))] if one_by_one else [list(range(len(pairs)))]
        )


class _Blocks:
    """A layer's sums, a block of its neurons at a time, which stays in the processor's own memory."""

    def __init__(self, layer: int, inputs: int, out: int, classes: int, parts: int) -> None:
        self.held, rows = (
            list[tuple[slice, np.ndarray, np.ndarray, np.ndarray]](),
            list[list[Any]](),
        )
        for column in range(0, out, BLOCK):
            neurons = slice(column, min(column + BLOCK, out))
            count = neurons.stop - column
            dw, db = _room(parts, inputs, padded(count)), _room(parts, padded(count))
            feedback = _room(classes, padded(count))
            feedback[:] = 0
            rows.append([layer, column, count, padded(count), dw, db, feedback, 0, 0])
            self.held.append((neurons, feedback, dw, db))
        self.rows = _table(rows)

    def point(self, w_fb: np.ndarray, into: Update) -> np.ndarray:
        """The rows, with feedback weights as they are now, that write into an update."""
        dw, db = into.dw.numpy(), into.db.numpy()
        for row, (neurons, feedback, _, _) in zip(self.rows, self.held, strict=True):
            feedback[:, : neurons.stop - neurons.start] = w_fb[neurons].T
            row[event_step.GRAD_W], row[event_step.GRAD_B] = (
                _address(dw[neurons]),
                _address(db[neurons]),
            )
        return self.rows


class BufferCache:
    """The rooms of a learner, which shows one batch at a time. A copy starts without any: rows
    point to memory, not to what was copied.
    """

    def __init__(self) -> None:
        self._kept: dict[Any, StepBuffers] = {}  # any: shapes and constants

    def __reduce__(self) -> tuple[type[BufferCache], tuple[()]]:
        return BufferCache, ()

    def fit(self, course: TeachingPlan, steps: int, batch: int) -> StepBuffers:
        """The room for a batch of this shape, as it was left, or a new one in place of the oldest."""
        params = tuple(lif_params(layer.neuron) for layer in course.net.layers)
        traces = tuple(
            rule.trace if isinstance(rule, Eligibility) else None for rule in course.rules
        )
        key = course.net.sizes, params, traces, steps, batch, course.threads, BLOCK
        if key not in self._kept:
            while len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = StepBuffers(
                course.net.sizes, params, traces, steps, tuple(share_out(batch, course.threads))
            )
        return self._kept[key]


def _fire(net: Network, spikes: Tensor | PackedSpikes, room: StepBuffers) -> bool:
    """Roll a batch through all layers; False where the spikes are not zeros and ones."""
    if isinstance(spikes, PackedSpikes):
        shown, flat = (
            unsigned(spikes if spikes.words.is_contiguous() else spikes.of(slice(None))),
            (_NOTHING, 0, 0),
        )
    else:
        shown, flat = room.packed, flat_spikes(spikes)
    weights = [layer.w.detach().contiguous().numpy() for layer in net.layers]
    room.layers[:, event_step.W] = [_address(w) for w in weights]
    room.layers[0, event_step.BEFORE], room.trains[0] = _address(shown), shown
    for layer, b in zip(net.layers, room.biases, strict=True):
        b[: layer.b.numel()] = layer.b.detach().numpy()
    number, parts = len(room.parts), room.parts
    if not all(
        side_by_side(
            lambda p: event_step.prepare(
                room.layers, p, number, *flat, room.steps, *parts[p], shown
            ),
            number,
        )
    ):
        return False
    size = room.words, room.batch, room.steps
    side_by_side(
        lambda p: event_step.fire(room.layers, room.alphas, *size, *parts[p], room.scratch[p]),
        number,
    )
    # The output layer hears its own error neurons; a window there would leave silent outputs
    # untaught.
    room.slopes[-1].fill(0xFFFFFFFF)
    return True


def _learn(course: TeachingPlan, err: Tensor, room: StepBuffers) -> None:
    """Have each part of a batch learn, then each part of the rows written."""
    number, parts, heard, steps = len(room.parts), room.parts, err.numpy(), room.steps
    shares = np.full(number, -1 / (steps * room.batch), np.float32)
    for portion in room.portions:
        own = {index: course.w_fb[index] for index in portion}
        rows = [
            room.blocks[index].point(own[index].numpy(), course.updates[index])
            for index in portion
            if index in room.blocks
        ]
        blocks = np.concatenate(rows) if len(rows) > 1 else rows[0] if rows else None
        sides = [
            (index, own[index].T.contiguous(), *room.sides[index])
            for index in portion
            if index in room.sides
        ]

        def learn(
            part: int, blocks: np.ndarray | None = blocks, sides: list[_Side] = sides
        ) -> None:
            first, last = parts[part]
            if blocks is not None:
                scratch = room.scratch[part]
                event_step.learn(
                    room.layers,
                    blocks,
                    room.lessons,
                    room.words,
                    room.batch,
                    heard,
                    part,
                    first,
                    last,
                    scratch,
                )
            for index, feedback, g, counts in sides:
                constants = room.lessons[index, 0], shares[0] / np.float32(steps)
                slopes, into = room.slopes[index], (first, last, g.numpy(), counts.numpy())
                event_step.gate(
                    room.trains[index], heard, feedback.numpy(), slopes, *constants, *into
                )

        def write(
            part: int, blocks: np.ndarray | None = blocks, sides: list[_Side] = sides
        ) -> None:
            if blocks is not None:
                event_step.write(room.layers, blocks, shares, part, number)
            for index, _, g, counts in sides:
                out = g.shape[1]
                rows = slice(out * part // number, out * (part + 1) // number)
                torch.mm(g[:, rows].T, counts, out=course.updates[index].dw[rows])

        side_by_side(learn, number)
        side_by_side(write, number)
        for index, _, g, _ in sides:
            torch.mul(g.sum(0), steps, out=course.updates[index].db)
        for index in portion:
            course.written(index)


def _lingering(room: StepBuffers, layer: int) -> float:
    """What is kept of an error from step to step; at the output nothing."""
    return 0.0 if layer == len(room.params) - 1 else room.params[layer].alpha_a


def _filters(trace: TraceParams | None) -> tuple[float, float]:
    return (0.0, 0.0) if trace is None else (trace.alpha_x, trace.alpha_z)


def _room(*shape: int) -> np.ndarray:
    """Allocate float32 aligned to a cache line, as torch does."""
    return torch.empty(shape).numpy()


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def _table(rows: list[list[Any]]) -> np.ndarray:  # any: arrays and numbers
    """Arrays as addresses, beside numbers: int64."""
    return np.array(
        [
            [_address(cell) if isinstance(cell, np.ndarray) else cell for cell in row]
            for row in rows
        ],
        np.int64,
    )
