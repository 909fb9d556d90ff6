"""Parameters of learning on the chip, and the learning rules that follow from them.

By day a sample takes `period` = steps + layers + 1 time steps, rounded up to whole learning epochs;
at step k = 1 ... period of it:

    synapses          layer l (1 ... L) receives its input at k = l ... l + steps - 1, and
                      integrates it at k + 1 (one step of delay)
    error neurons     positive: one spike for each step, beyond `margin_positive`, in which the
                      sample's own class did not fire
                      negative: one spike for each spike of another class, beyond
                      `margin_negative`
    apical dendrite   v_apical += w_fb err       signed error spikes; no leak within a sample
    slope             psi = number of steps with |v - vth| < window
    k = period        y2 = saturate((v_apical psi gain) >> shift) in hidden neurons,
                      y2 = (err gain) >> shift in output neurons
                      dw = 2^e u0 x1 y2          in every synapse; y2 is 0 at all other epochs

By night (a sleep phase per hidden layer) noise drives that layer. The layers after it run as by
day, except that every neuron subtracts its own running mean current, and the error neurons relay
the output's spikes. The feedback synapses apply

    dw_fb = 2^a u0 x1 y1 - 2^b u0 w y3

    x1    the output's spike of this step
    y1    noise minus its mean
    y3    0 but at the last step

No synapse ever reads another synapse's weight. The equations are ours, after Tang et al. 2021
(arXiv 2110.14092, abstract). One learning epoch per sample, with a trace that is never reset, is
our way of needing neither a tag nor a memory of the sample.

Two forms. "signed" (Loihi 2): y2 is signed, and one error population sends graded spikes of +1 and
-1. "unsigned" (Loihi 1, whose traces are unsigned): y2 = max(y, 0), y3 = max(-y, 0), and two error
populations have feedback weights of their own, the negative one on an inhibitory input of the
dendrite. Not yet shown on silicon: that the product v_apical psi can be formed in the neuron
(microcode on Loihi 2; on Loihi 1 a further compartment or the x86 core), and that y traces can be
set from there.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from .. import chip
from ..border.checks import instance_of, real_number, square_side
from ..border.printable import one_line, quoted
from ..limits import check_learning
from .engine import WEIGHT_FRACTION_BITS, Product, Rule, check_saturation
from .sleep_params import ChipSleepParams, check_range, check_ranges

MAX_LAYERS = 8  # of neurons; the random streams are numbered for so many
# 9: every integer, as Lava's stock engine stores
WEIGHT_BITS = (*(bits for bits in chip.WEIGHT_BITS if bits >= 2), 9)
ROUNDINGS = ("synapse", "stock", "nearest", "floor")
_FEEDBACK_IMPULSE = 64  # x1 of a feedback synapse in the step of its spike
_FORGET = 64  # y3 at the last step of a sleep phase


@dataclass(frozen=True, kw_only=True)
class ChipLearningParams:
    """All parameters of a learning run on the chip.

    Defaults: from trials on 5,000 images set apart from MNIST's training set.
    """

    sizes: tuple[int, ...] = (784, 100, 10)  # input, hidden layers (or none), classes
    steps: int = 20  # T, time steps per sample
    epoch: int = 2  # steps per learning epoch; several spikes within one are credited to its start
    vth: int = 512  # threshold; one weight unit is 1/vth threshold
    du: int = 3071  # current loses (du + 1)/4096 per step: 1/4 is kept
    dv: int = 1024  # voltage loses dv/4096 per step: 3/4 is kept
    window: float = 1.5  # psi counts steps with |v - vth| < window vth
    margin_positive: int = 3  # steps in which the sample's class may stay silent without an error
    margin_negative: int = 2  # spikes that another class may fire without an error
    x1_tau: int = 8  # steps
    x1_impulse: int = 16
    # y2 = (v_apical psi gain) >> shift, gain falls linearly to 0 over `samples`
    gain_hidden: int = 150
    gain_output: int = 125
    shift_hidden: int = 16
    shift_output: int = 8
    exponent: int = -7  # of dw = 2^e u0 x1 y2
    samples: int | None = None  # over which the gains fall to 0; None: they stay constant
    # one random number per synapse, one per matrix ("stock" Lava), or none ("nearest", "floor")
    rounding: str = "synapse"
    weight_bits: int = 8
    traces: str = "signed"
    feedback: str = "sleep"  # or "random": fixed weights, no nights
    sleep: ChipSleepParams = field(default_factory=ChipSleepParams)
    init: float = 0.7  # first forward weights: uniform +-init * 2 / sqrt(fan-in) thresholds
    plastic: tuple[bool, ...] | None = None  # true for each layer that learns; None: all
    # largest shift of an image, pixels, up, down and sideways; the host draws one per sample
    shift: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        instance_of(self.sizes, (list, tuple), "ChipLearningParams.sizes", "a sequence of sizes")
        if len(self.sizes) < 2:
            raise ValueError(
                f"ChipLearningParams.sizes is {self.sizes}; need at least input and classes"
            )
        if self.layers > MAX_LAYERS:
            raise ValueError(
                f"ChipLearningParams.sizes has {self.layers} layers of neurons; at most"
                f" {MAX_LAYERS} can learn: use fewer"
            )
        sizes = (check_range("ChipLearningParams.sizes", n, 1, 4096) for n in self.sizes)
        object.__setattr__(self, "sizes", tuple(sizes))
        if self.sizes[-1] < 2:
            raise ValueError(
                f"ChipLearningParams.sizes ends with {self.sizes[-1]} class; need at least 2"
            )
        check_ranges(
            self,
            steps=(1, 48),
            vth=(chip.MIN_THRESHOLD, chip.MAX_THRESHOLD),
            du=(0, chip.MAX_DECAY),
            dv=(0, chip.MAX_DECAY),
            margin_positive=(0, self.steps),
            margin_negative=(0, self.steps),
            x1_tau=(1, 65_535),
            x1_impulse=(1, chip.MAX_TRACE),
            gain_hidden=(0, 255),
            gain_output=(0, 255),
            shift_hidden=(1, 30),
            shift_output=(1, 30),
            shift=(0, 8),
            seed=(0, 2**31 - 1),
        )
        if self.shift:
            square_side(self.sizes[0])
        check_learning(epoch=self.epoch, trace=self.x1_impulse)
        for name, choices in (
            ("rounding", ROUNDINGS),
            ("traces", ("signed", "unsigned")),
            ("feedback", ("sleep", "random")),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"ChipLearningParams.{name} is {quoted(getattr(self, name))}; known are"
                    f" {', '.join(choices)}"
                )
        if self.weight_bits not in WEIGHT_BITS:
            raise ValueError(
                f"ChipLearningParams.weight_bits is {self.weight_bits}; Loihi has"
                f" {', '.join(map(str, WEIGHT_BITS))}"
            )
        if self.rounding == "stock" and self.weight_bits != 9:
            raise ValueError(
                f"rounding 'stock' keeps every integer weight; weight_bits is {self.weight_bits}:"
                " set 9, or rounding='synapse'"
            )
        if self.samples is not None:
            check_ranges(self, samples=(1, 10**12))
        for name in ("window", "init"):
            real_number(getattr(self, name), f"ChipLearningParams.{name}", finite=False)
        instance_of(self.sleep, ChipSleepParams, "ChipLearningParams.sleep", "ChipSleepParams(...)")
        if not (0 < self.window <= 64 and 0 <= self.init <= 64):
            raise ValueError(
                f"ChipLearningParams.window is {self.window} and init {self.init}; need 0 < window"
                " <= 64, 0 <= init <= 64"
            )
        if self.plastic is not None:
            instance_of(self.plastic, (list, tuple), "ChipLearningParams.plastic", "truth values")
            object.__setattr__(self, "plastic", tuple(map(bool, self.plastic)))
            if len(self.plastic) != self.layers:
                raise ValueError(
                    f"ChipLearningParams.plastic has {len(self.plastic)} entries; the net has"
                    f" {self.layers} layers"
                )
        check_saturation(self.forward_rule, chip.MAX_TRACE)
        check_saturation(self.feedback_rule, chip.MAX_TRACE)

    @property
    def layers(self) -> int:
        """Number of layers of neurons, the output included."""
        return len(self.sizes) - 1

    @property
    def populations(self) -> int:
        """Number of error populations, each with feedback weights of its own."""
        return 1 if self.traces == "signed" else 2

    @property
    def sleeps(self) -> bool:
        """True where nights align feedback; a net without hidden layers has none."""
        return self.feedback == "sleep" and self.layers > 1

    @property
    def period(self) -> int:
        """Time steps per sample: spikes through all layers, error back, whole learning epochs."""
        return -(-(self.steps + self.layers + 1) // self.epoch) * self.epoch

    @property
    def night(self) -> int:
        """Time steps per sleep phase, in whole learning epochs."""
        return -(-self.sleep.steps // self.epoch) * self.epoch

    @property
    def weight_step(self) -> int:
        """Distance between neighbouring weights."""
        return 1 << (9 - self.weight_bits)

    @property
    def rounding_bits(self) -> int:
        """Bits of the accumulator below a weight's step."""
        return WEIGHT_FRACTION_BITS + 9 - self.weight_bits

    @property
    def psi_window(self) -> int:
        """`window` in the neuron's units."""
        return round(self.window * self.vth * (1 << chip.INPUT_SHIFT))

    @property
    def sleep_drive(self) -> int:
        """`sleep.drive` in the neuron's units."""
        return round(self.sleep.drive * self.vth * (1 << chip.INPUT_SHIFT))

    @property
    def forward_rule(self) -> Rule:
        """dw of all forward synapses."""
        plus = Product(1, self.exponent, ("x1", "y2"))
        return Rule(
            (plus,) if self.traces == "signed" else (plus, Product(-1, self.exponent, ("x1", "y3")))
        )

    @property
    def feedback_rule(self) -> Rule:
        """dw of all feedback synapses.

        On unsigned traces y1 = spike_step + 1 at a noise spike, and y2 = 1 throughout.
        """
        hebb = Product(1, self.sleep.hebb_exponent, ("x1", "y1"))
        forget = Product(-1, self.sleep.forget_exponent, ("w", "y3"))
        mean = (
            ()
            if self.traces == "signed"
            else (Product(-1, self.sleep.hebb_exponent, ("x1", "y2")),)
        )
        return Rule((hebb, *mean, forget))

    @property
    def feedback_impulse(self) -> int:
        """Impulse of a feedback synapse's x1, which lasts one step (tau 0, epochs of one step)."""
        return _FEEDBACK_IMPULSE

    @property
    def forget_trace(self) -> int:
        """y3 at the last step of a night."""
        return _FORGET

    def gains(self, sample: int) -> tuple[int, int]:
        """Return the gains of hidden and output neurons for a sample, counted from 0.

        The host writes them at each night.
        """
        if self.samples is None:
            return self.gain_hidden, self.gain_output
        remaining = max(0, self.samples - sample // self.sleep.every * self.sleep.every)
        hidden, output = (
            (2 * gain * remaining + self.samples) // (2 * self.samples)
            for gain in (self.gain_hidden, self.gain_output)
        )
        return hidden, output

    def connection_seed(self, layer: int, population: int | None = None) -> int:
        """Return the `rng_seed` of a connection's learning rule.

        Lava seeds four generators with it and the three numbers after it, so seeds are 8 apart:
        within a layer's 32 numbers the forward connection has 0, and the feedback connection of
        error population 0 or 1 has 8 or 16. MAX_LAYERS layers fit into a run's 1024 numbers.

        Args:
            layer: from 0.
            population: of a feedback connection, from 0; None: the forward connection.
        """
        offset = 0 if population is None else 8 + 8 * population
        return (self.seed * 1024 + layer * 32 + offset) % 2**31

    def to_json(self) -> str:
        """Return all parameters as JSON text."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ChipLearningParams:
        """Read what `to_json` wrote.

        Raises: ValueError where names or values are not those of this version.
        """
        try:
            values: dict[str, Any] = json.loads(text)  # Any: JSON
            values["sleep"] = ChipSleepParams(**values["sleep"])
            values["sizes"] = tuple(values["sizes"])
            return cls(**values)
        except (
            TypeError,
            KeyError,
            AttributeError,
            OverflowError,
            RecursionError,
            json.JSONDecodeError,
        ) as err:
            raise ValueError(
                f"learning parameters are not of this version ({one_line(err)}): start the run"
                " again"
            ) from None
