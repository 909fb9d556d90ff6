"""Loihi's limits and bit widths, each with its source.

Sources, by the short names used below:
    Davies 2018   Davies et al., "Loihi: a neuromorphic manycore processor with on-chip learning",
                  IEEE Micro 38(1), 2018
    Lava          lava-nc 0.10.0, docstrings and arithmetic of `lava/proc/lif/models.py`,
                  `lava/proc/dense/models.py`, `lava/utils/weightutils.py`
    nengo-loihi   nengo-loihi 1.1.0, `nengo_loihi/block.py` and `nengo_loihi/validate.py`

All limits are those of Loihi 1. Loihi 2's capacities are only partly public, so they are left out
rather than guessed. Energies and times per operation are in `energy.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

# Weights. MIXED weights carry their sign in the lowest bit, so at 8 bits they are even numbers
# (Lava, weightutils).
WEIGHT_BITS = (1, 2, 3, 4, 5, 6, 8)  # nengo-loihi; 7 does not exist
MIN_WEIGHT_EXP, MAX_WEIGHT_EXP = -7, 7  # nengo-loihi
MIN_MIXED_WEIGHT, MAX_WEIGHT = -256, 255  # before the lowest bits are truncated; Lava

# Neurons. Currents and voltages are 24 bit; inputs and thresholds are shifted left by 6 to align
# with them (Lava, lif).
STATE_BITS = 24
MAX_STATE = 2 ** (STATE_BITS - 1)  # u wraps above it, v saturates at one less
INPUT_SHIFT = 6
MIN_THRESHOLD, MAX_THRESHOLD = 1, 131_071  # 17 bit, unsigned; Lava
DECAY_UNITY = 4096
MAX_DECAY = 4095  # 12 bit, unsigned; du acts as du + 1, dv as dv; Lava
MAX_BIAS_MANTISSA = 4095  # 13 bit, signed; Lava
MAX_BIAS_EXP = 7  # Lava

# A bias neuron receives no synapse; its own bias lifts it above the threshold at every step.
BIAS_NEURON_DRIVE = MAX_BIAS_MANTISSA << MAX_BIAS_EXP  # 524,160
# 8,189: threshold << 6 must stay below the drive
MAX_THRESHOLD_WITH_BIAS_NEURON = (BIAS_NEURON_DRIVE - 1) >> INPUT_SHIFT

# A core and a chip.
CORE_COMPARTMENTS = 1024  # Davies 2018
CORE_SYNAPSE_WORDS = 16_384  # of SYNAPSE_WORD_BITS: 128 KB; Davies 2018
SYNAPSE_WORD_BITS = 64  # Davies 2018
CORE_AXONS_IN = 4096  # nengo-loihi; an axon that learns takes two
CORE_AXONS_OUT = 4096  # Davies 2018; one per destination core
CHIP_CORES = 128  # Davies 2018, plus 3 x86 cores
COMPARTMENTS_PER_NEURON = {"inference": 1, "learning": 2}  # soma; soma and apical dendrite
LEARNING_AXON_COST = 2  # nengo-loihi

# Learning.
MAX_TRACE = 127  # 7 bit, unsigned on Loihi 1; Davies 2018
TAG_BITS = 9  # signed; Davies 2018
MAX_DELAY = 62  # steps; Davies 2018
# pairs of decays (du, dv) that the compartments of a core choose from; nengo-loihi, validate.py
MAX_DECAY_PAIRS = 32
MIN_EPOCH, MAX_EPOCH = 1, 63  # steps between two learning epochs; Davies 2018


@dataclass(frozen=True)
class SignMode:
    """Encoding of the sign of a synapse block's weights."""

    name: str
    low: int  # smallest weight before truncation
    high: int  # largest
    extra_bits: int  # lowest bits lost to the sign

    def step(self, weight_bits: int) -> int:
        """Return the distance between neighbouring weights, e.g. 2 for 8-bit MIXED."""
        return 1 << (8 - weight_bits + self.extra_bits)


SIGN_MODES = {
    "mixed": SignMode("mixed", MIN_MIXED_WEIGHT, MAX_WEIGHT, 1),
    "excitatory": SignMode("excitatory", 0, MAX_WEIGHT, 0),
    "inhibitory": SignMode("inhibitory", -MAX_WEIGHT, 0, 0),
}
