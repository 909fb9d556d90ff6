"""Neurons of a learning chip, one time step at a time, in plain NumPy: slow, short, the reference.

Tests hold the compiled loops of `day` and `night` equal to these, and Lava's Processes run these
very objects, so that the comparison with Lava is one of the engine: synapses, traces, products,
rounding. A layer's index counts from 0; k counts the steps of a segment from 1. Layer l integrates
at k = l + 2 ... l + 1 + steps, because every connection delays by one step.
"""

from __future__ import annotations

import numpy as np

from .. import chip
from ..border.faults import Faults
from ..emulator_step import decay, fire, reset_voltage, saturate_voltage, wrap_current
from .faults import layer_faults
from .params import ChipLearningParams
from .plan import DAY, Segment
from .streams import NOISE, noise_spikes, stream_key


class Somas:
    """Current, voltage and running mean of one layer, which hidden and output neurons share."""

    def __init__(
        self, params: ChipLearningParams, layer: int, faults: Faults | None = None
    ) -> None:
        self.params, self.layer = params, layer
        self.dead, self.stuck = layer_faults(faults or Faults(), layer, params.sizes)
        self.size = params.sizes[layer + 1]
        self.means = np.zeros((max(1, params.layers - 1), self.size), dtype=np.int64)
        self.rest()

    def rest(self) -> None:
        """Set all compartments to 0."""
        self.u = np.zeros(self.size, dtype=np.int64)
        self.v = np.zeros(self.size, dtype=np.int64)
        self.psi = np.zeros(self.size, dtype=np.int64)
        self.count = np.zeros(self.size, dtype=np.int64)

    def in_window(self, k: int) -> bool:
        """Return whether this layer integrates at step k of a sample."""
        return self.layer + 2 <= k <= self.layer + 1 + self.params.steps

    def fire_by_day(self, k: int, a_in: np.ndarray) -> np.ndarray:
        """Advance by step k of a sample; count spikes and steps within the window of psi.

        Args:
            a_in: int [N], what arrives, weight units.
        Returns: spikes, uint8 [N].
        """
        if not self.in_window(k):
            return np.zeros(self.size, dtype=np.uint8)
        v = self._integrate(a_in << chip.INPUT_SHIFT)
        self.psi += np.abs(v - (self.params.vth << chip.INPUT_SHIFT)) < self.params.psi_window
        return self._fire(v)

    def fire_by_night(self, a_in: np.ndarray, asleep: int) -> np.ndarray:
        """Advance by one step behind the noise of layer `asleep`; return spikes, uint8 [N].

        The mean current is replaced by a constant drive.
        """
        a = a_in << chip.INPUT_SHIFT
        mean = self.means[asleep]
        mean += (a - mean) >> self.params.sleep.mean_shift
        return self._fire(self._integrate(a - mean + self.params.sleep_drive))

    def _integrate(self, a: np.ndarray) -> np.ndarray:
        self.u = wrap_current(decay(self.u, self.params.du + 1) + a)
        return saturate_voltage(decay(self.v, self.params.dv) + self.u)

    def _fire(self, v: np.ndarray) -> np.ndarray:
        s = fire(v, self.params.vth)
        self.v = reset_voltage(v, s)
        s = self._leave(s)
        self.count += s
        return s

    def _leave(self, s: np.ndarray) -> np.ndarray:
        """Return the spikes that leave the neurons, whose intact form fires s, uint8 [N]."""
        return np.where(self.stuck, 1, np.where(self.dead, 0, s)).astype(np.uint8)


class HiddenNeurons(Somas):
    """Soma and apical dendrite, with the traces of the synapses that end on them."""

    def rest(self) -> None:
        """Set all compartments to 0."""
        super().rest()
        self.v_apical = np.zeros(self.size, dtype=np.int64)
        # steps from this layer's spike to the output's
        self.delay = self.params.layers - 1 - self.layer
        self.noise = np.zeros((self.delay + 1, self.size), dtype=np.uint8)  # of the last steps

    def step(
        self, clock: int, k: int, segment: Segment, a_in: np.ndarray, a_fb: tuple[np.ndarray, ...]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Advance by one step.

        Args:
            a_in: from the forward synapses, int [N]. a_fb: from each population's feedback
                synapses, int [N] each.
        Returns: spikes with the next layer's bias axon behind them, uint8 [N + 1]; traces y1, y2,
            y3 for the forward synapses and for the feedback synapses, int32 [3, N] each.
        """
        if k == 1:
            self.rest()
        y, y_fb = np.zeros((2, 3, self.size), dtype=np.int32)
        bias = 0
        if segment.asleep == DAY:
            # earlier, the last relayed spikes of a night arrive
            if k > self.params.layers + 1:
                self.v_apical += a_fb[0] - (a_fb[1] if len(a_fb) == 2 else 0)
            s = self.fire_by_day(k, a_in)
            bias = int(self.in_window(k))
            if k == segment.length:
                y[1:] = third_factor(
                    self.v_apical * self.psi,
                    segment.gains[0],
                    self.params.shift_hidden,
                    self.params.traces,
                )
        elif segment.asleep == self.layer:
            s = self._dream(clock, k, segment)
            y_fb = self._sleep_traces(k, segment)
        elif self.layer > segment.asleep and k > self.layer - segment.asleep:
            s = self.fire_by_night(a_in, segment.asleep)
        else:
            s = np.zeros(self.size, dtype=np.uint8)
        return np.append(s, np.uint8(bias)), y, y_fb

    def _dream(self, clock: int, k: int, segment: Segment) -> np.ndarray:
        """Return this layer's noise, uint8 [N]; it ends early enough to reach the output."""
        if k <= segment.length - self.delay:
            key = int(stream_key(self.params.seed, NOISE, self.layer, 0, clock))
            s = noise_spikes(key, self.size, self.params.sleep.rate)
        else:
            s = np.zeros(self.size, dtype=np.uint8)
        s = self._leave(s)
        self.noise[k % (self.delay + 1)] = s
        return s

    def _sleep_traces(self, k: int, segment: Segment) -> np.ndarray:
        """Return y1, y2, y3 of the feedback synapses, int32 [3, N].

        y1: the noise that the output now answers, centred; y3: at the last step, to forget.
        """
        y = np.zeros((3, self.size), dtype=np.int32)
        if k == segment.length:
            y[2] = self.params.forget_trace
        elif k > self.delay:
            past = self.noise[(k - self.delay) % (self.delay + 1)].astype(np.int32)
            if self.params.traces == "signed":
                y[0] = past * (self.params.sleep.spike_step + 1) - 1
            else:
                y[0], y[1] = past * (self.params.sleep.spike_step + 1), 1
        return y


class OutputNeurons(Somas):
    """Output somas and their error neurons, one positive and one negative per class."""

    def rest(self) -> None:
        """Set all compartments to 0."""
        super().rest()
        self.positive = np.zeros(self.size, dtype=np.int64)
        self.negative = np.zeros(self.size, dtype=np.int64)
        self.error = np.zeros(self.size, dtype=np.int64)  # net error spikes of this sample

    def step(
        self, k: int, segment: Segment, label: int, a_in: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Advance by one step.

        Returns: spikes of each error population, int32 [populations, classes], signed where there
            is one population; traces y1, y2, y3 for the forward synapses, int32 [3, classes].
        """
        if k == 1:
            self.rest()
        y = np.zeros((3, self.size), dtype=np.int32)
        up = down = np.zeros(self.size, dtype=np.int32)
        if segment.asleep == DAY:
            s = self.fire_by_day(k, a_in)
            if self.in_window(k):
                up, down = self._errors(s, np.arange(self.size) == label)
            if k == segment.length:
                y[1:] = third_factor(
                    self.error, segment.gains[1], self.params.shift_output, self.params.traces
                )
        elif k > self.layer - segment.asleep:
            # By night both error populations relay the output's spikes to the feedback synapses.
            up = self.fire_by_night(a_in, segment.asleep).astype(np.int32)
            down = up if self.params.populations == 2 else down
        return np.stack([up, down] if self.params.populations == 2 else [up - down]), y

    def _errors(self, s: np.ndarray, labelled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the spikes of positive and negative error neurons, int32 [classes] each.

        Each integrates, fires above its margin, and loses 1. labelled: bool [classes].
        """
        self.positive += labelled & (s == 0)
        self.negative += ~labelled & (s > 0)
        up = (self.positive > self.params.margin_positive).astype(np.int32)
        down = (self.negative > self.params.margin_negative).astype(np.int32)
        self.positive -= up
        self.negative -= down
        self.error += up - down
        return up, down


def third_factor(product: np.ndarray, gain: int, shift: int, traces: str) -> np.ndarray:
    """Return y2 and y3, int64 [2, N]: (product gain) >> shift, rounded, saturated at 7 bits.

    traces: "signed": y2 carries the sign, y3 is 0; else both are split by sign.
    """
    y = np.clip((product * gain + (1 << (shift - 1))) >> shift, -chip.MAX_TRACE, chip.MAX_TRACE)
    return np.stack(
        [y, np.zeros_like(y)] if traces == "signed" else [np.maximum(y, 0), np.maximum(-y, 0)]
    )
