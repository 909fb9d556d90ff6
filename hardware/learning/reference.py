"""Reference of learning on the chip, for tests alone: nothing at run time uses it.

Plain NumPy, step by step, connection by connection, as Lava's LearningDense works. A test holds the
compiled emulator, some thousand times faster, equal to it; another holds it equal to Lava.
"""

from __future__ import annotations

import numpy as np

from .. import chip
from ..border.faults import Faults
from ..faults import synapses_fail
from .engine import ACCUMULATOR_BITS, WEIGHT_FRACTION_BITS, Y_KEEP, Rule, trace_keep
from .faults import damaged, failed_feedback
from .inputs import sample_masks
from .neurons import HiddenNeurons, OutputNeurons
from .params import ChipLearningParams
from .plan import DAY, Segment, plan, steps_of
from .state import LearningState, start
from .streams import FEEDBACK, FORWARD, lava_uniforms, stream_key, synapse_bits


class Connection:
    """A plastic dense connection in the engine's integers; weights [pre, post]."""

    def __init__(
        self,
        params: ChipLearningParams,
        w: np.ndarray,
        layer: int,
        population: int | None,
        failed: np.ndarray | None = None,
    ) -> None:
        self.params, self.layer, self.population = params, layer, population
        feedback = population is not None
        self.w = w.astype(np.int64)
        self.failed = np.zeros(w.shape, dtype=np.bool_) if failed is None else failed
        self.rule: Rule = params.feedback_rule if feedback else params.forward_rule
        self.keep = 0.0 if feedback else trace_keep(params.x1_tau)
        self.impulse = params.feedback_impulse if feedback else params.x1_impulse
        self.epoch = 1 if feedback else params.epoch
        self.seed = params.connection_seed(layer, population)
        self.x1 = np.zeros(len(w), dtype=np.int64)
        # step of this learning epoch, from 1; 0: none
        self.last_spike = np.zeros(len(w), dtype=np.int64)
        self.buffer = np.zeros(w.shape[1], dtype=np.int64)

    def send(self) -> np.ndarray:
        """Return what arrives at the neurons, int64 [post]: the spikes of the step before."""
        return self.buffer

    def step(self, clock: int, s_in: np.ndarray, y: np.ndarray) -> None:
        """Take this step's spikes and y traces; learn at the end of a learning epoch.

        Args:
            s_in: int [pre], spikes; graded ones are signed.
            y: int [3, post], traces y1, y2, y3.
        """
        s_in = s_in.astype(np.int64)
        self.buffer = s_in @ self.w
        spiked, within = s_in != 0, (clock - 1) % self.epoch + 1
        again = spiked & (self.last_spike > 0)
        self.x1[again] = np.minimum(self.x1[again] + self.impulse, chip.MAX_TRACE)
        self.last_spike[spiked] = within
        if within == self.epoch:
            self._learn(clock, y.astype(np.int64))

    def _learn(self, clock: int, y: np.ndarray) -> None:
        uniform, y_uniform = (lava_uniforms(self.seed + n, 2 * clock, 1, 1)[0] for n in (0, 2))
        for t in range(1, self.epoch + 1):
            self.x1 = _round(self.keep * self.x1, uniform)
            at = self.last_spike == t
            self.x1[at] = np.minimum(self.x1[at] + self.impulse, chip.MAX_TRACE)
            y = _round(Y_KEEP * y, y_uniform)
        self.last_spike[:] = 0
        factors = {"x1": self.x1[:, None], "y1": y[0], "y2": y[1], "y3": y[2], "w": self.w}
        accumulator = self.w << WEIGHT_FRACTION_BITS
        limit = 1 << ACCUMULATOR_BITS
        for product in self.rule.products:
            m = np.full_like(self.w, product.mantissa)
            for name in product.factors:
                m = m * factors[name]
            m = (m >> product.shift) << (product.exponent + 7)
            accumulator = np.clip(
                accumulator + np.clip(m, -limit - 1, limit - 1), -limit - 1, limit - 1
            )
        bits, step = self.params.rounding_bits, self.params.weight_step
        rest, whole = accumulator & ((1 << bits) - 1), accumulator >> bits
        self.w = np.clip((whole + (self._numbers(clock, bits) < rest)) * step, -256, 256 - step)
        self.w[self.failed] = 0

    def _numbers(self, clock: int, bits: int) -> np.ndarray:
        """Return the numbers below which a rest is rounded up, each 0 ... 2^bits - 1."""
        if self.params.rounding == "synapse":
            purpose = FORWARD if self.population is None else FEEDBACK
            key = int(
                stream_key(self.params.seed, purpose, self.layer, self.population or 0, clock)
            )
            return synapse_bits(key, self.w.shape[0], self.w.shape[1], bits)
        if self.params.rounding == "stock":
            return np.array(int(lava_uniforms(2, clock // self.epoch, 1, 1)[0] * (1 << bits)))
        return np.array(
            (1 << (bits - 1)) - 1 if self.params.rounding == "nearest" else (1 << bits) - 1
        )


class ReferenceChip:
    """A learning chip: all connections and neurons of a net, and their wiring."""

    def __init__(self, params: ChipLearningParams, faults: Faults | None = None) -> None:
        faults = faults or Faults()
        self.params = params
        state = damaged(start(params), faults)
        self.forward = [
            Connection(params, w, layer, None, _failed_forward(faults, layer, w))
            for layer, w in enumerate(state.w)
        ]
        self.feedback = []
        for layer, fb in enumerate(state.w_fb):
            failed = failed_feedback(faults, layer, fb.shape)
            self.feedback.append(
                [Connection(params, w, layer, p, failed[p]) for p, w in enumerate(fb)]
            )
        self.hidden = [HiddenNeurons(params, layer, faults) for layer in range(params.layers - 1)]
        self.output = OutputNeurons(params, params.layers - 1, faults)

    def run(self, images: np.ndarray, labels: np.ndarray, order: np.ndarray) -> None:
        """Learn from samples `order`, nights included."""
        masks = sample_masks(images, self.params.steps)
        for clock, k, segment in steps_of(plan(self.params, order)):
            by_day = segment.asleep == DAY and k <= self.params.steps
            s = (
                (masks[segment.sample] >> (k - 1)) & 1
                if by_day
                else np.zeros(self.params.sizes[0], dtype=np.int64)
            )
            self.step(clock, k, segment, np.append(s, int(by_day)), int(labels[segment.sample]))

    def step(self, clock: int, k: int, segment: Segment, s_in: np.ndarray, label: int) -> None:
        """Advance by one step: spikes arrive, neurons fire, synapses take spikes and traces."""
        arriving = [connection.send() for connection in self.forward]
        arriving_fb = [tuple(connection.send() for connection in group) for group in self.feedback]
        traces, traces_fb, spikes = [], [], [s_in]
        for layer, neurons in enumerate(self.hidden):
            s, y, y_fb = neurons.step(clock, k, segment, arriving[layer], arriving_fb[layer])
            spikes.append(s)
            traces.append(y)
            traces_fb.append(y_fb)
        errors, y = self.output.step(k, segment, label, arriving[-1])
        for layer, (connection, trace) in enumerate(zip(self.forward, [*traces, y], strict=True)):
            connection.step(clock, spikes[layer], trace)
        for group, trace in zip(self.feedback, traces_fb, strict=True):
            for population, connection in enumerate(group):
                connection.step(clock, errors[population], trace)

    def differences(self, state: LearningState) -> list[str]:
        """Return the names of all arrays that differ from an emulated state's."""
        pairs = [
            (f"w{n}", c.w, w) for n, (c, w) in enumerate(zip(self.forward, state.w, strict=True))
        ]
        pairs += [
            (f"x1 of w{n}", c.x1, x1)
            for n, (c, x1) in enumerate(zip(self.forward, state.x1, strict=True))
        ]
        pairs += [
            (f"w_fb{n}.{p}", c.w, w)
            for n, (group, fb) in enumerate(zip(self.feedback, state.w_fb, strict=True))
            for p, (c, w) in enumerate(zip(group, fb, strict=True))
        ]
        return [name for name, own, emulated in pairs if not np.array_equal(own, emulated)]


def _failed_forward(faults: Faults, layer: int, w: np.ndarray) -> np.ndarray:
    """Return which synapses of w, [in + 1, out], fail; boolean, never the bias axon."""
    failed = synapses_fail(faults, layer, (w.shape[1], w.shape[0] - 1)).T
    return np.concatenate([failed, np.zeros((1, w.shape[1]), dtype=np.bool_)])


def _round(kept: np.ndarray, uniform: float) -> np.ndarray:
    """Round down, or up where the shared random number is below the rest."""
    whole = np.floor(kept)
    return (whole + (uniform < kept - whole)).astype(np.int64)
