"""One learning step, event by event: a batch is packed, fired and taught, each thread working on samples of its own.

Threads meet four times: when weights are turned and spikes packed, when all have fired, when all have been taught, and when the sums
over their parts are written. Sums are taken part by part in order, so the last bits depend on the number of threads alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from . import event_loops
from .errors import ErrorNeurons, SignedSpikes, errors_over_time
from .event_driven import FIRE_ROWS, LEARN_ROWS
from .network import Network
from .neurons import TwoCompartmentParams, lif_params
from .parts import share_out, side_by_side
from .rows import padded
from .rules import Eligibility, Rule, Update
from .trains import WORD, Trains, flat_spikes, unsigned

BLOCK = 256  # neurons of a layer whose updates are worked out together; ours, the fastest of 128, 256 and 512 at 784 inputs


class Seen(NamedTuple):
    """What a batch did."""

    counts: Tensor  # spikes of each output neuron, [B, C]
    error: Tensor  # mean |err|, spikes a step, scalar
    rates: Tensor  # spikes a neuron and step of every layer, [layers]


class Course(NamedTuple):
    """A network, and what teaches it."""

    net: Network
    w_fb: list[Tensor]  # feedback weights of every layer, [N, C]; the output's own errors reach it one to one
    error: ErrorNeurons
    rules: list[Rule]  # `Eligibility` or `Factorised`, of every layer
    threads: int  # how many parts a batch is split into
    updates: list[Update]  # what is written into, for each layer
    written: Callable[[int], None]  # told the number of each layer as soon as its update is there


def teach(course: Course, spikes: Float[Tensor, "T B M"] | Trains, target: Float[Tensor, "B C"]) -> Seen | None:
    """Show a batch, and write minus the mean update of every layer; None where the spikes are not zeros and ones."""
    parts = share_out(len(target), course.threads)
    fired = _fire(course.net, spikes, parts)
    if fired is None:
        return None
    err, counts, totals = _errors(course, fired, target)
    _learn(course, fired, err, parts)
    rates = torch.from_numpy(totals / (len(target) * fired.steps * np.array([layer.b.numel() for layer in course.net.layers])))
    return Seen(counts, err.abs().mean(), rates.float())


class _Fired(NamedTuple):
    layers: np.ndarray  # int64, rows of `event_loops`
    trains: list[np.ndarray]  # of the input, then of every layer: uint32 [W, B, N]
    slopes: list[np.ndarray]
    steps: int
    held: list[np.ndarray]  # what the rows point to besides


def _fire(net: Network, spikes: Tensor | Trains, parts: list[tuple[int, int]]) -> _Fired | None:
    """Roll a batch through all layers."""
    if isinstance(spikes, Trains):
        shown, steps = unsigned(spikes if spikes.words.is_contiguous() else spikes.of(slice(None))), spikes.steps
        flat = np.empty(0, np.float32), 0, 0
    else:
        steps, batch, inputs = spikes.shape
        shown, flat = np.empty((-(-steps // WORD), batch, inputs), np.uint32), flat_spikes(spikes)
    words, batch, _ = shown.shape
    trains, slopes, held, rows, constants = [shown], list[np.ndarray](), list[np.ndarray](), [], []
    for layer in net.layers:
        w, p = layer.w.detach().contiguous().numpy(), lif_params(layer.neuron)
        out, inputs = w.shape
        width = padded(out)
        turned, b = _room(inputs, width), np.zeros(width, np.float32)
        b[:out] = layer.b.detach().numpy()
        s, psi = np.empty((words, batch, out), np.uint32), np.empty((words, batch, out), np.uint32)
        rows.append([w, turned, b, trains[-1], s, psi, inputs, out, width])
        constants.append((p.alpha_u, p.alpha_v, p.window))
        held += [w, turned, b]
        trains.append(s)
        slopes.append(psi)
    layers, alphas, number = _table(rows), np.array(constants, np.float32), len(parts)
    scratch = _room(number, FIRE_ROWS * max(padded(out) for out in net.sizes[1:]))
    if not all(side_by_side(lambda part: event_loops.prepare(layers, part, number, *flat, steps, *parts[part], shown), number)):
        return None
    side_by_side(lambda part: event_loops.fire(layers, alphas, words, batch, steps, *parts[part], scratch[part]), number)
    # The output layer hears its own error neurons; a window there would leave silent outputs untaught.
    slopes[-1].fill(0xFFFFFFFF)
    return _Fired(layers, trains, slopes, steps, held)


def _errors(course: Course, fired: _Fired, target: Tensor) -> tuple[Tensor, Tensor, np.ndarray]:
    """What the error neurons say, [T, B, C]; the output's spikes, [B, C]; all spikes of each layer."""
    s_out, counts, totals = torch.empty(fired.steps, *target.shape), torch.empty(target.shape), np.empty(len(fired.layers), np.int64)
    words, batch, _ = fired.trains[-1].shape
    event_loops.look(fired.trains[-1], s_out.numpy(), counts.numpy(), fired.layers, words, batch, totals)
    quick = type(course.error) is SignedSpikes  # which asks for no rates
    err = course.error.error(s_out, s_out, target) if quick else errors_over_time(course.error, s_out, target)
    return err.contiguous(), counts, totals


def _learn(course: Course, fired: _Fired, err: Tensor, parts: list[tuple[int, int]]) -> None:
    """Have each part of a batch learn, then each part of the rows written; one thread alone takes layer by layer."""
    lessons: list[_Eligible | _Factorised] = []
    for index, rule in enumerate(course.rules):
        p = lif_params(course.net.layers[index].neuron)
        if index == len(course.rules) - 1 and p.alpha_a:
            p = replace(p, alpha_a=0.0)  # at the output errors do not linger
        if isinstance(rule, Eligibility):
            lessons.append(_Eligible(course, fired, index, p, rule, err, parts))
        else:
            lessons.append(_Factorised(course, fired, index, p, err, parts))
    number, count = len(parts), len(lessons)
    for layers in [range(index, index + 1) for index in range(count)] if number == 1 else [range(count)]:
        some = _together([lessons[index] for index in layers])

        def learn(part: int, some: list[_Eligible | _Factorised] = some) -> None:
            for lesson in some:
                lesson.learn(part)

        def write(part: int, some: list[_Eligible | _Factorised] = some) -> None:
            for lesson in some:
                lesson.write(part)

        side_by_side(learn, number)
        side_by_side(write, number)
        for lesson in some:
            lesson.finish()
        for index in layers:
            course.written(index)


class _Eligible:
    """Layers that learn by `rules.Eligibility`."""

    def __init__(
        self,
        course: Course,
        fired: _Fired,
        index: int,
        p: TwoCompartmentParams,
        rule: Eligibility,
        err: Tensor,
        parts: list[tuple[int, int]],
    ) -> None:
        self.fired, self.err, self.parts = fired, err.numpy(), parts
        self.shares = np.full(len(parts), -1 / (err.shape[0] * err.shape[1]), np.float32)
        self.lessons = np.zeros((len(fired.layers), 3), np.float32)
        self.lessons[index] = p.alpha_a, rule.trace.alpha_x, rule.trace.alpha_z
        inputs, w_fb, into = fired.trains[index].shape[2], course.w_fb[index].numpy(), course.updates[index]
        self.held, rows = list[np.ndarray](), []
        for column in range(0, len(w_fb), BLOCK):  # a block of neurons at a time stays in the processor's own memory
            w = w_fb[column : column + BLOCK]
            width = padded(len(w))
            dw, db = _room(len(parts), inputs, width), _room(len(parts), width)
            feedback = _room(w.shape[1], width)
            feedback[:, : len(w)], feedback[:, len(w) :] = w.T, 0
            grad_w, grad_b = into.dw.numpy()[column:], into.db.numpy()[column:]
            rows.append([index, column, len(w), width, dw, db, feedback, grad_w, grad_b])
            self.held += [dw, db, feedback, grad_w, grad_b]
        self.blocks = _table(rows)
        self.scratch = _room(len(parts), (LEARN_ROWS + len(err)) * min(BLOCK, padded(len(w_fb))))

    def add(self, other: _Eligible) -> None:
        """Take another layer in."""
        self.blocks, self.lessons = np.concatenate([self.blocks, other.blocks]), self.lessons + other.lessons
        self.held += other.held
        self.scratch = max(self.scratch, other.scratch, key=np.size)

    def learn(self, part: int) -> None:
        words, batch, _ = self.fired.trains[0].shape
        event_loops.learn(self.fired.layers, self.blocks, self.lessons, words, batch, self.err, part, *self.parts[part], self.scratch[part])

    def write(self, part: int) -> None:
        event_loops.write(self.fired.layers, self.blocks, self.shares, part, len(self.parts))

    def finish(self) -> None:
        """Nothing is left to do: biases were written with the weights."""


class _Factorised:
    """A layer that learns by `rules.Factorised`."""

    def __init__(
        self, course: Course, fired: _Fired, index: int, p: TwoCompartmentParams, err: Tensor, parts: list[tuple[int, int]]
    ) -> None:
        self.before, self.psi, self.err, self.parts, self.into = fired.trains[index], fired.slopes[index], err, parts, course.updates[index]
        self.alpha_a, w_fb, batch = np.float32(p.alpha_a), course.w_fb[index], err.shape[1]
        self.teach, self.g, self.counts = w_fb.T.contiguous(), torch.empty(batch, len(w_fb)), torch.empty(batch, self.before.shape[2])

    def learn(self, part: int) -> None:
        steps, batch, _ = self.err.shape
        share, g, counts = np.float32(-1 / (steps * steps * batch)), self.g.numpy(), self.counts.numpy()
        event_loops.gate(self.before, self.err.numpy(), self.teach.numpy(), self.psi, self.alpha_a, share, *self.parts[part], g, counts)

    def write(self, part: int) -> None:
        number, out = len(self.parts), len(self.into.dw)
        rows = slice(out * part // number, out * (part + 1) // number)
        torch.mm(self.g[:, rows].T, self.counts, out=self.into.dw[rows])

    def finish(self) -> None:
        """Write the biases' update."""
        torch.mul(self.g.sum(0), len(self.err), out=self.into.db)


def _together(lessons: list[_Eligible | _Factorised]) -> list[_Eligible | _Factorised]:
    """The same with all eligible layers in one, whose threads need not come back to Python between them."""
    eligible, others = [lesson for lesson in lessons if isinstance(lesson, _Eligible)], [x for x in lessons if isinstance(x, _Factorised)]
    for other in eligible[1:]:
        eligible[0].add(other)
    return [*eligible[:1], *others]


def _room(*shape: int) -> np.ndarray:
    """Room for float32, at the start of a cache line, as torch has it."""
    return torch.empty(shape).numpy()


def _table(rows: list[list[Any]]) -> np.ndarray:  # any: arrays and numbers
    """Arrays as addresses, beside numbers: int64."""
    plain = [[cell.__array_interface__["data"][0] if isinstance(cell, np.ndarray) else cell for cell in row] for row in rows]
    return np.array(plain, np.int64)
