"""BioGrad in Loihi's learning engine: parameters, rule strings, and the fixed-point facts behind
them.

By day a sample takes `period` = steps + layers + 1 time steps, rounded up to whole learning epochs;
step k = 1 ... period:

    layer l (1 ... L) sees its input at k = l ... l + steps - 1 on its synapses, integrates at k + 1
    (one step of delay)
    error neurons     positive: one spike for each step in which the class shown did not fire, beyond `margin_positive`
                      negative: one spike for each spike of another class, beyond `margin_negative`
    apical dendrite   v_apical += w_fb err        counts of signed error spikes, no leak within a sample
    slope             psi = number of steps with |v - vth| < window
    k = period        y2 = saturate((v_apical psi gain) >> shift) in hidden neurons, (err gain) >> shift in output neurons
                      dw = 2^e u0 x1 y2         in every synapse; y2 is 0 at all other learning epochs

By night (a sleep phase per hidden layer) noise drives that layer, what lies behind it runs as by
day except that every neuron subtracts its own running mean current, the error neurons relay the
output's spikes, and the feedback synapses apply

    dw_fb = 2^a u0 x1 y1 - 2^b u0 w y3            x1: the output's spike of this step, y1: noise minus its mean, y3: at the last step

No synapse ever reads another synapse's weight. The equations are ours, after Tang et al. 2021
(arXiv 2110.14092, abstract); one learning epoch per sample with a trace that nobody resets is our
way of needing neither a tag nor a memory of the sample.

Two forms. "signed" (Loihi 2): y2 is signed, one error population sends graded spikes of +1 and -1.
"unsigned" (Loihi 1, whose traces are unsigned): y2 = max(y, 0), y3 = max(-y, 0); two error
populations with feedback weights of their own, the negative
one on an inhibitory input of the dendrite. What silicon would still have to show: that the product
v_apical psi can be formed in the neuron (microcode on Loihi 2; on Loihi 1 a further compartment or
the x86 core), and that y traces can be set from there.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any

from .. import chip
from ..border.archive import one_line, shown
from ..limits import check_learning

# lava/magma/core/learning/constants.py
FACTOR_BITS = {"x1": 7, "x2": 7, "y1": 7, "y2": 7, "y3": 7, "w": 9, "t": 9, "d": 9}
MANTISSA_BITS = 4
ACCUMULATOR_BITS = 15
WEIGHT_FRACTION_BITS = 7  # below a weight's lowest bit in the accumulator
MIN_EXPONENT, MAX_EXPONENT = -7, 8
MIN_MANTISSA, MAX_MANTISSA = -8, 7
MAX_LAYERS = 8  # of neurons: what the random streams are numbered for
MAX_PRODUCTS, MAX_FACTORS = 4, 3  # ours: what a short microcode program can be trusted with
# 9: every integer, as Lava's stock engine stores
WEIGHT_BITS = (*(bits for bits in chip.WEIGHT_BITS if bits >= 2), 9)
ROUNDINGS = ("synapse", "stock", "nearest", "floor")
_FEEDBACK_IMPULSE = 64  # x1 of a feedback synapse in the step of its spike
_FORGET = 64  # y3 at the last step of a sleep phase


@dataclass(frozen=True)
class Product:
    """One product of a rule: mantissa 2^exponent u0 factor factor ..."""

    mantissa: int
    exponent: int
    factors: tuple[str, ...]

    @property
    def shift(self) -> int:
        """Bits the engine drops from the product before it applies the exponent."""
        return max(0, sum(FACTOR_BITS[f] for f in self.factors) + MANTISSA_BITS - ACCUMULATOR_BITS)

    def __str__(self) -> str:
        scale = f"{'-' if self.mantissa < 0 else ''}{abs(self.mantissa)} * 2^{self.exponent}"
        return " * ".join((scale, "u0", *self.factors))


@dataclass(frozen=True)
class Rule:
    """A sum of products for one synaptic variable, as the engine holds it; `str` gives Lava's
    notation.
    """

    products: tuple[Product, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.products) <= MAX_PRODUCTS:
            raise ValueError(
                f"the rule has {len(self.products)} products; the microcode holds 1 to"
                f" {MAX_PRODUCTS}: merge terms"
            )
        for product in self.products:
            _check_product(product)

    def __str__(self) -> str:
        first, *others = map(str, self.products)
        return first + "".join(
            f" - {text[1:]}" if text.startswith("-") else f" + {text}" for text in others
        )


@dataclass(frozen=True, kw_only=True)
class ChipSleepParams:
    """A sleep phase of one hidden layer; steps, spikes and integers of the chip."""

    steps: int = 200  # of one phase
    every: int = 500  # samples between two nights
    before: int = 60  # nights before the first sample
    rate: int = 13_107  # noise, spikes per step in 1/65536: 0.2
    # current in place of the mean, thresholds per step; alone it lifts v to a third of the
    # threshold
    drive: float = 0.0625
    mean_shift: int = 6  # running mean current: m += (current - m) >> mean_shift
    spike_step: int = 4  # y1 at a noise spike, -1 without; 4 to 1 centres it at a rate of 0.2
    hebb_exponent: int = -3  # of dw_fb = 2^a x1 y1
    forget_exponent: int = -5  # of dw_fb = -2^b w y3; y3 = 64, so 1/16 of w a night

    def __post_init__(self) -> None:
        for name, low, high in (
            ("steps", 8, 100_000),
            ("every", 1, 10**9),
            ("before", 0, 10**6),
            ("mean_shift", 0, 20),
            ("spike_step", 1, 15),
        ):
            _check_range("ChipSleepParams", name, getattr(self, name), low, high)
        _check_range("ChipSleepParams", "rate", self.rate, 1, 65_535)
        if not 0 <= self.drive < 8:
            raise ValueError(
                f"ChipSleepParams.drive is {self.drive}; need 0 <= drive < 8 thresholds per step"
            )


@dataclass(frozen=True, kw_only=True)
class ChipLearningParams:
    """Everything that decides a learning run on the chip. Constants: from trials on 5,000 images
    kept back of MNIST's training set.
    """

    sizes: tuple[int, ...] = (784, 100, 10)  # input, hidden layers, classes
    steps: int = 20  # a sample is shown for, T
    epoch: int = 2  # steps of a learning epoch; several spikes within one are credited to its start
    vth: int = 512  # threshold, in units of a weight: one weight unit is 1/vth threshold
    du: int = 3071  # current loses (du + 1)/4096 a step: 1/4 is kept
    dv: int = 1024  # voltage loses dv/4096 a step: 3/4 is kept
    window: float = 1.5  # psi counts steps with |v - vth| < window vth
    margin_positive: int = 3  # steps the class shown may stay silent before it counts as an error
    margin_negative: int = 2  # spikes of another class that are let pass
    x1_tau: int = 8  # steps
    x1_impulse: int = 16
    # y2 = (v_apical psi gain) >> shift, gain falls linearly to 0 over `samples`
    gain_hidden: int = 150
    gain_output: int = 125
    shift_hidden: int = 16
    shift_output: int = 8
    exponent: int = -7  # of dw = 2^e u0 x1 y2
    samples: int | None = None  # over which the gains fall to 0; None: they stay
    # one random number per synapse, or one a matrix ("stock" Lava), or none ("nearest", "floor")
    rounding: str = "synapse"
    weight_bits: int = 8
    traces: str = "signed"
    feedback: str = "sleep"  # or "random": fixed, no nights
    sleep: ChipSleepParams = field(default_factory=ChipSleepParams)
    init: float = 0.7  # first forward weights: uniform +-init * 2 / sqrt(fan-in) thresholds
    plastic: tuple[bool, ...] | None = None  # which layers learn; None: all
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(self.sizes))
        if len(self.sizes) < 3:
            raise ValueError(
                f"ChipLearningParams.sizes is {self.sizes}; need input, at least one hidden layer,"
                " and classes"
            )
        if self.layers > MAX_LAYERS:
            raise ValueError(
                f"ChipLearningParams.sizes has {self.layers} layers of neurons; at most"
                f" {MAX_LAYERS} can learn: use fewer"
            )
        for size in self.sizes:
            _check_range("ChipLearningParams", "sizes", size, 1, 4096)
        if self.sizes[-1] < 2:
            raise ValueError(
                f"ChipLearningParams.sizes ends with {self.sizes[-1]} class; need at least 2"
            )
        half_trace = chip.MAX_TRACE
        for name, low, high in (
            ("steps", 1, 48),
            ("vth", chip.MIN_THRESHOLD, chip.MAX_THRESHOLD),
            ("du", 0, chip.MAX_DECAY),
            ("dv", 0, chip.MAX_DECAY),
            ("margin_positive", 0, self.steps),
            ("margin_negative", 0, self.steps),
            ("x1_tau", 1, 65_535),
            ("x1_impulse", 1, half_trace),
            ("gain_hidden", 0, 255),
            ("gain_output", 0, 255),
            ("shift_hidden", 1, 30),
            ("shift_output", 1, 30),
            ("seed", 0, 2**31 - 1),
        ):
            _check_range("ChipLearningParams", name, getattr(self, name), low, high)
        check_learning(epoch=self.epoch, trace=self.x1_impulse)
        for name, known in (
            ("rounding", ROUNDINGS),
            ("traces", ("signed", "unsigned")),
            ("feedback", ("sleep", "random")),
        ):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"ChipLearningParams.{name} is {shown(getattr(self, name))}; known are"
                    f" {', '.join(known)}"
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
            _check_range("ChipLearningParams", "samples", self.samples, 1, 10**12)
        if not (0 < self.window <= 64 and 0 <= self.init <= 64):
            raise ValueError(
                f"ChipLearningParams.window is {self.window} and init {self.init}; need 0 < window"
                " <= 64, 0 <= init <= 64"
            )
        if self.plastic is not None:
            object.__setattr__(self, "plastic", tuple(map(bool, self.plastic)))
            if len(self.plastic) != self.layers:
                raise ValueError(
                    f"ChipLearningParams.plastic has {len(self.plastic)} entries; the net has"
                    f" {self.layers} layers"
                )
        _check_saturation(self.forward_rule, 127)
        _check_saturation(self.feedback_rule, 127)

    @property
    def layers(self) -> int:
        """Layers of neurons, the output included."""
        return len(self.sizes) - 1

    @property
    def populations(self) -> int:
        """Error populations, each with feedback weights of its own."""
        return 1 if self.traces == "signed" else 2

    @property
    def period(self) -> int:
        """Time steps from one sample to the next: spikes through all layers, error back, whole
        learning epochs.
        """
        return -(-(self.steps + self.layers + 1) // self.epoch) * self.epoch

    @property
    def night(self) -> int:
        """Time steps of one sleep phase, whole learning epochs."""
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
        """dw of all feedback synapses; on unsigned traces y1 = spike_step + 1 at a noise spike, y2
        = 1 throughout.
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
        """Gains of hidden and output neurons for a sample, counted from 0; the host writes them at
        each night.
        """
        if self.samples is None:
            return self.gain_hidden, self.gain_output
        left = max(0, self.samples - sample // self.sleep.every * self.sleep.every)
        hidden, output = (
            (2 * gain * left + self.samples) // (2 * self.samples)
            for gain in (self.gain_hidden, self.gain_output)
        )
        return hidden, output

    def connection_seed(self, layer: int, population: int | None = None) -> int:
        """`rng_seed` of a connection's learning rule; Lava uses four numbers from it on. Layers
        from 0; population: feedback.
        """
        return (
            self.seed * 1024 + layer * 32 + (0 if population is None else 8 + 8 * population)
        ) % 2**31

    def to_json(self) -> str:
        """All parameters as JSON text."""
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


def trace_keep(tau: int) -> float:
    """Fraction of a trace that Lava keeps a step."""
    return math.exp(-1 / tau)


# Loihi3FLearningRule gives y traces this tau: 127 becomes 126.998 and is rounded stochastically
Y_KEEP = trace_keep(65_535)


def _check_product(product: Product) -> None:
    if not MIN_MANTISSA <= product.mantissa <= MAX_MANTISSA:
        raise ValueError(
            f"rule {str(product)!r}: mantissa {product.mantissa}; the microcode holds"
            f" {MIN_MANTISSA} to {MAX_MANTISSA}"
        )
    if not MIN_EXPONENT <= product.exponent <= MAX_EXPONENT:
        raise ValueError(
            f"rule {str(product)!r}: exponent {product.exponent}; the microcode holds"
            f" {MIN_EXPONENT} to {MAX_EXPONENT}: scale a trace"
        )
    unknown = [f for f in product.factors if f not in FACTOR_BITS]
    if unknown:
        raise ValueError(
            f"rule {str(product)!r}: no factor {unknown[0]!r}; the engine knows"
            f" {', '.join(FACTOR_BITS)}"
        )
    if not 1 <= len(product.factors) <= MAX_FACTORS:
        raise ValueError(
            f"rule {str(product)!r}: {len(product.factors)} factors; the microcode holds 1 to"
            f" {MAX_FACTORS}"
        )


def _check_saturation(rule: Rule, trace: int) -> None:
    """Refuse an exponent by which the largest traces would saturate the accumulator: the rule would
    no longer be a product.
    """
    for product in rule.products:
        size = 1
        for f in product.factors:
            size *= trace if FACTOR_BITS[f] == 7 else 1 << (FACTOR_BITS[f] - 1)
        if (size * abs(product.mantissa) >> product.shift) << (
            product.exponent + 7
        ) > 1 << ACCUMULATOR_BITS:
            if "w" in product.factors:
                continue  # forgetting: y3 is ours and never as large
            raise ValueError(
                f"rule {str(product)!r}: traces of {trace} saturate the {ACCUMULATOR_BITS}-bit"
                " accumulator: lower the exponent"
            )


def _check_range(owner: str, name: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{owner}.{name} is {value}; need a whole number of {low:,} to {high:,}")
