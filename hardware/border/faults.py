"""Rates of faults of neurons and synapses; how they are drawn: see `hardware.faults`.

Needs the standard library alone, so that the program's help needs no more.
"""

from __future__ import annotations

from dataclasses import dataclass

from .checks import real_fields, truth_value, whole_fields

RATES = ("dead", "stuck", "lost", "synapses", "weight_bits", "state_bits")


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Rates of faults, 0 by default, and the seed that they are drawn from.

    Example:
        >>> Faults(dead=0.1, seed=3).any
        True
    """

    dead: float = 0.0  # fraction of neurons that never fire
    stuck: float = 0.0  # fraction of neurons that fire at every step
    lost: float = 0.0  # probability that a spike is lost on its way out of the neuron
    synapses: float = 0.0  # fraction of synapses that transmit nothing
    # standard deviation of the noise on each neuron's stored voltage per step, thresholds
    noise: float = 0.0
    weight_bits: float = 0.0  # probability that a bit of a stored weight is flipped, each bit
    # probability per neuron and step that one bit of the stored voltage is flipped (emulator)
    state_bits: float = 0.0
    output: bool = True  # False: neurons of the output layer are spared, their synapses are not
    seed: int = 0  # of the faults

    def __post_init__(self) -> None:
        real_fields(self, *RATES, table="faults", least=0, most=1)
        real_fields(self, "noise", table="faults", least=0, why="thresholds")
        whole_fields(self, "seed", table="faults")
        truth_value(self.output, "faults.output")
        if self.dead + self.stuck > 1:
            raise ValueError(
                f"faults.dead and faults.stuck are {self.dead:g} and {self.stuck:g}; need 1 or less"
                " together, since no neuron is both"
            )

    @property
    def any(self) -> bool:
        """True where any rate is above 0."""
        return any(getattr(self, name) > 0 for name in (*RATES, "noise"))

    @property
    def in_voltages(self) -> bool:
        """True where a fault changes voltages between steps, which compiled loops do not know."""
        return self.noise > 0 or self.state_bits > 0
