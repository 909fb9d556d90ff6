"""Parameters of a prototype layer, and the learning rule that follows from them.

A layer of prototype neurons takes the input's spikes. A sample takes `period` time steps:

    synapses       a_j[t] = sum_i w_ij s_i[t]                k = 2 ... steps + 1
    neurons        v_j   += a_j[t], no leak
    energy neuron  e      = sum_i n_i^2, n_i the spikes of input i
    k = period     score_j = 2 v_j - m_j                     the recruited neuron with the largest
                                                             score answers with its class
                   m_j += ((v_j - m_j) y1) >> mean_shift     in the neuron that is attracted
                   dw  = -2^b u0 w y1 + 2^a u0 x1 y1 + 2^c u0 x1 y2

m_j is a running mean of the neuron's own response to the samples it was attracted to, which is the
square of its weights' length: the largest score is the nearest prototype. y1 and y2 are 0 but in:

    a recruited neuron   y2 = 64: w becomes 2 x1 of this sample at once; m = e energy_gain / 64
    an attracted neuron  y1 = max(y_min, 512 / n), at most 127, the n-th time:
                         w moves to 2 x1 by y1/512 of the way
    a repelled neuron    y1 = -push

A class that meets a sample for the first time recruits a free neuron; so it does while it has fewer
than `per_class`, where the layer answers wrong, or where its nearest prototype is far: its squared
distance above `novelty`/16 of the sample's own. Else the nearest prototype of the class is
attracted, and the wrong one that answered is repelled. No neuron of another class changes (with
push=0), so nothing is forgotten, and no sample is kept. n counts in the neuron: each prototype
learns more slowly the more it has seen.

The rule is ours, of the kind that CLP-SNN runs on Loihi 2 (arXiv 2511.01553; code not public).
Traces are signed where push > 0 (Loihi 2); with push=0 no trace is ever negative, and the synapses
are Loihi 1's too. Not yet shown on silicon: the energy neuron's square, the division of y1, and the
choice of the largest score, which the embedded processor can make.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import chip
from ..border.printable import one_line
from ..learning.engine import WEIGHT_FRACTION_BITS, Product, Rule, trace_keep
from ..learning.params import WEIGHT_BITS
from ..learning.sleep_params import check_ranges

# Of prototypes on frozen features, which are shown for few steps: traces that hardly outlast a
# sample, and stronger spikes; chosen on the last 5,000 training images, at 6 steps.
ON_FEATURES = {"x1_tau": 3, "x1_impulse": 40}
RECRUIT = 64  # y2 at which w becomes 2 x1


@dataclass(frozen=True, kw_only=True)
class PrototypeParams:
    """Parameters of a prototype layer.

    Defaults: from trials on 5,000 images set apart from MNIST's training set.
    """

    inputs: int = 784
    prototypes: int = 1000  # neurons that can be recruited, all classes together
    per_class: int = 100  # of them, at most, by one class
    classes: int = 10
    steps: int = 20  # time steps per sample
    rest: int = 0  # silent steps after it, in which presynaptic traces decay
    epoch: int = 2  # steps per learning epoch
    x1_tau: int = 8  # steps
    x1_impulse: int = 16
    # of the first m; None: what makes it about the square of the weights' length (`first_gain`)
    energy_gain: int | None = None
    mean_shift: int = 8
    novelty: int = 0  # squared distance that recruits, in 1/16 of the sample's own
    y_min: int = 2  # y1 never falls below
    push: int = 0  # y1 of a neuron that answered wrong, negative
    weight_bits: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            inputs=(1, 4096),
            prototypes=(1, 65_536),
            per_class=(1, 65_536),
            classes=(1, 4096),
            steps=(1, 48),
            rest=(0, 1000),
            epoch=(1, 63),
            x1_tau=(1, 65_535),
            x1_impulse=(1, chip.MAX_TRACE),
            mean_shift=(0, 20),
            novelty=(0, 1024),
            y_min=(1, chip.MAX_TRACE),
            push=(0, chip.MAX_TRACE),
            seed=(0, 2**31 - 1),
        )
        if self.energy_gain is not None:
            check_ranges(self, energy_gain=(1, 65_535))
        if self.weight_bits not in WEIGHT_BITS:
            raise ValueError(
                f"PrototypeParams.weight_bits is {self.weight_bits}; Loihi has"
                f" {', '.join(map(str, WEIGHT_BITS[:-1]))} bits, and Lava's engine keeps 9"
            )

    @property
    def period(self) -> int:
        """Time steps per sample: its spikes, one step of delay, the answer, whole epochs."""
        return -(-(self.steps + self.rest + 2) // self.epoch) * self.epoch

    @property
    def first_gain(self) -> int:
        """`energy_gain`, or 15/16 of the slope of 2 x1 over spikes, in 1/64.

        The slope is that of the best line through 0, over all rates; a little less than it lets a
        new prototype answer a little too often, until it has measured its own response.
        """
        if self.energy_gain is not None:
            return self.energy_gain
        spikes = np.arange(1, self.steps + 1)
        steps = np.arange(self.steps + 1)
        sent = np.diff((2 * spikes[:, None] * steps + self.steps) // (2 * self.steps), axis=1)
        keep = trace_keep(self.x1_tau)
        left = keep ** (self.period - 1 - np.arange(self.steps))
        x1 = np.minimum(self.x1_impulse * (sent @ left), chip.MAX_TRACE)
        slope = 2 * float(x1 @ spikes) / float(spikes @ spikes)
        return max(1, round(64 * slope * 15 / 16))

    @property
    def rounding(self) -> str:
        """A random number per synapse, as `ChipLearningParams.rounding`."""
        return "synapse"

    @property
    def forward_rule(self) -> Rule:
        """dw of all synapses."""
        return Rule(
            (
                Product(-1, -4, ("w", "y1")),
                Product(1, -5, ("x1", "y1")),
                Product(1, -2, ("x1", "y2")),
            )
        )

    @property
    def weight_step(self) -> int:
        """Distance between neighbouring weights."""
        return 1 << (9 - self.weight_bits)

    @property
    def rounding_bits(self) -> int:
        """Bits of the accumulator below a weight's step."""
        return WEIGHT_FRACTION_BITS + 9 - self.weight_bits

    def connection_seed(self, layer: int = 0, population: int | None = None) -> int:
        """Return the `rng_seed` of Lava's learning rule, the same for the only connection."""
        return (self.seed * 1024 + 512) % 2**31

    def to_json(self) -> str:
        """Return all parameters as JSON text."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> PrototypeParams:
        """Read what `to_json` wrote.

        Raises: ValueError where names or values are not those of this version.
        """
        try:
            values: dict[str, Any] = json.loads(text)  # any: JSON
            return cls(**values)
        except (TypeError, RecursionError, json.JSONDecodeError) as err:
            raise ValueError(
                f"prototype parameters are not of this version ({one_line(err)}): start again"
            ) from None
