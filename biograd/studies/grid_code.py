"""Logic computed by unreliable neurons in a grid code, and circuits of it.

A value x is held by phases, as grid cells hold a place: module j fires at the phase
theta_j = x / lambda_j (mod 1). Two bits a and b are added in phase space and read again:

    phi_j = a / lambda_j + 2 b / lambda_j + noise            for the value x = a + 2 b
    score_k = sum_j cos 2 pi (phi_j - k / lambda_j) + noise   for k = 0, 1, 2, 3
    answer = table[arg max_k score_k]                        AND, OR, XOR and NAND differ in it

Each module may have several copies with noise of their own. In a circuit every wire consists of
copies too: each copy of a gate has a decoder of its own, reads `reads` copies of either input, and
may be faulty, so that no single neuron can fail the gate.

Source: Zlokapa, Tan, Martin, Tegmark and Chuang 2022, "Biological error correction codes generate
    fault-tolerant neural networks" (arXiv 2202.12887), whose construction this follows in outline;
    copies of a gate with wires drawn at random: von Neumann 1956, "Probabilistic logics".
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..checks import real_fields, whole_fields, whole_number, word_of
from .arrays import real_array

# answers for x = a + 2 b = 0, 1, 2, 3
TABLES = {"and": (0, 0, 0, 1), "or": (0, 1, 1, 1), "xor": (0, 1, 1, 0), "nand": (1, 1, 1, 0)}
_VALUES = 4
_BATCH = 1 << 22  # phases drawn at a time
Z95 = 1.959964  # standard deviations of a 95 % interval


def coprime_periods(modules: int) -> tuple[int, ...]:
    """Return the periods of so many modules: 4, and the odd primes from 3; rising.

    Example:
        >>> coprime_periods(7)
        (3, 4, 5, 7, 11, 13, 17)
    """
    whole_number(modules, "modules", 1)
    periods, candidate = [3, 4], 5
    while len(periods) < modules:
        if all(candidate % p for p in range(2, math.isqrt(candidate) + 1)):
            periods.append(candidate)
        candidate += 2
    return tuple(periods[:modules])


@dataclass(frozen=True, kw_only=True)
class GridCode:
    """Modules of a code, and the noise of its neurons.

    Example:
        >>> GridCode(periods=(3, 4, 5), copies=2).neurons
        16
    """

    periods: tuple[int, ...] = (3, 4, 5, 7, 11)  # lambda_j, at least 2
    copies: int = 1  # of each module
    phase_noise: float = 0.0  # standard deviation, periods
    unit_noise: float = 0.0  # of each cosine and sine unit, 1
    score_noise: float = 0.0  # of each score, 1
    synapses: float = 0.0  # fraction of synapses between units and scores that fail per trial

    def __post_init__(self) -> None:
        periods = real_array(self.periods, "periods", "modules")
        if (periods < 2).any() or (periods % 1).any():
            raise ValueError(f"periods are {self.periods}; need whole numbers of at least 2")
        object.__setattr__(self, "periods", tuple(int(p) for p in periods))
        whole_fields(self, "copies", table="grid", least=1)
        noises = ("phase_noise", "unit_noise", "score_noise")
        real_fields(self, *noises, table="grid", least=0)
        real_fields(self, "synapses", table="grid", least=0, most=1)

    @property
    def neurons(self) -> int:
        """Neurons of one decoder: a cosine and a sine unit per module and copy, and 4 scores."""
        return 2 * len(self.periods) * self.copies + _VALUES

    def decode(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the values read from noisy phases of x, int64 [trials].

        Args:
            x: 0 to 3, [trials].
        """
        return np.concatenate(
            [
                self._decoded(np.repeat(part[:, None], self.copies, axis=1), rng)
                for part in _parts(np.asarray(x), len(self.periods) * self.copies)
            ]
        )

    def _decoded(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the values read where each copy of the modules is shown an x, [trials, copies]."""
        periods = np.asarray(self.periods, np.float32)
        phase = x[..., None] / periods
        if self.phase_noise:
            noise = rng.standard_normal(phase.shape, np.float32)
            phase = phase + np.float32(self.phase_noise) * noise
        angle = np.float32(2 * math.pi) * phase.astype(np.float32)
        units = np.stack([np.cos(angle), np.sin(angle)])  # [2, trials, copies, modules]
        if self.unit_noise:
            noise = rng.standard_normal(units.shape, np.float32)
            units += np.float32(self.unit_noise) * noise
        toward = 2 * math.pi * np.arange(_VALUES) / periods[:, None]
        weights = np.stack([np.cos(toward), np.sin(toward)])  # [2, modules, values]
        if self.synapses:
            # each score has a synapse from each cosine unit and from each sine unit
            works = rng.random((*units.shape, _VALUES), np.float32) >= self.synapses
            scores = (units[..., None] * weights[:, None, None] * works).sum(axis=(0, 2, 3))
        else:
            summed = units.sum(axis=2)
            scores = summed[0] @ weights[0] + summed[1] @ weights[1]
        if self.score_noise:
            scores = scores + rng.normal(0, self.score_noise, scores.shape)
        return scores.argmax(axis=-1)


class ErrorRate(NamedTuple):
    """A fraction of wrong answers, and its 95 % interval."""

    rate: float
    low: float
    high: float


def error_rate(wrong: int, trials: int) -> ErrorRate:
    """Return the fraction of wrong trials with Wilson's 95 % interval.

    Example:
        >>> [round(value, 4) for value in error_rate(0, 1000)]
        [0.0, 0.0, 0.0038]
    """
    trials = whole_number(trials, "trials", 1)
    wrong = whole_number(wrong, "wrong", 0, trials)
    p, z2 = wrong / trials, Z95**2 / trials
    middle = (p + z2 / 2) / (1 + z2)
    half = Z95 / (1 + z2) * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials))
    low = middle - half if wrong else 0.0  # rounding may leave it beside 0
    return ErrorRate(p, max(0.0, low), min(1.0, middle + half))


def gate_error(
    code: GridCode, *, gate: str = "nand", trials: int = 20_000, rng: np.random.Generator
) -> ErrorRate:
    """Return how often one gate answers wrongly, both inputs uniformly random.

    Example:
        >>> gate_error(GridCode(), trials=100, rng=np.random.default_rng(0)).rate
        0.0
    """
    word_of(gate, TABLES, "gate")
    whole_number(trials, "trials", 1)
    x = rng.integers(0, _VALUES, trials)
    table = np.asarray(TABLES[gate])
    return error_rate(int((table[code.decode(x, rng)] != table[x]).sum()), trials)


@dataclass(frozen=True, kw_only=True)
class Multiplexing:
    """Copies of every wire and gate of a circuit, some of them faulty.

    Example:
        >>> Multiplexing(copies=31, fault=0.01).reads
        3
    """

    copies: int = 31  # of every wire: each is a decoder of its own
    reads: int = 3  # copies of either input that a decoder reads, wired at random
    fault: float = 0.0  # probability that a copy sends the wrong answer

    def __post_init__(self) -> None:
        whole_fields(self, "copies", "reads", table="multiplexing", least=1)
        real_fields(self, "fault", table="multiplexing", least=0, most=1)
        if self.reads > self.copies:
            raise ValueError(
                f"multiplexing.reads is {self.reads} and copies {self.copies}; a decoder reads each"
                " copy once at most: need reads of at most copies"
            )


class Circuit(NamedTuple):
    """Layers of gates; wires 0 .. width - 1 enter each of them."""

    tables: np.ndarray  # int64 [depth, width, 4], answers of each gate
    sources: np.ndarray  # int64 [depth, width, 2], wires of the layer before


def nand_circuit(depth: int, width: int, rng: np.random.Generator) -> Circuit:
    """Return a circuit of NAND gates, each of two different wires of the layer before at random."""
    whole_number(depth, "depth", 1)
    whole_number(width, "width", 2)
    first = rng.integers(0, width, (depth, width))
    second = (first + rng.integers(1, width, (depth, width))) % width
    tables = np.broadcast_to(np.asarray(TABLES["nand"]), (depth, width, _VALUES))
    return Circuit(tables, np.stack([first, second], axis=-1))


def ideal(circuit: Circuit, bits: np.ndarray) -> np.ndarray:
    """Return the bits of all layers without faults, [depth + 1, trials, width]."""
    layers = [np.asarray(bits)]
    for tables, sources in zip(circuit.tables, circuit.sources, strict=True):
        x = layers[-1][:, sources[:, 0]] + 2 * layers[-1][:, sources[:, 1]]
        layers.append(tables[np.arange(len(tables)), x])
    return np.stack(layers)


def run_circuit(
    circuit: Circuit,
    bits: np.ndarray,
    code: GridCode,
    p: Multiplexing,
    rng: np.random.Generator,
) -> Iterator[np.ndarray]:
    """Yield the copies of every wire after each layer, int64 [trials, width, copies].

    Args:
        bits: inputs, 0 or 1, [trials, width]; their copies are intact.
    """
    bits = np.asarray(bits)
    width = circuit.sources.shape[1]
    if bits.ndim != 2 or bits.shape[1] != width:
        raise ValueError(f"bits have the shape {bits.shape}; need [trials, {width}]")
    state = np.repeat(bits[:, :, None], p.copies, axis=2)
    for tables, sources in zip(circuit.tables, circuit.sources, strict=True):
        following = np.empty_like(state)
        for gate in range(width):
            # each decoder reads copies of its own, no copy twice
            a, b = (
                state[:, sources[gate, side]][:, _wires(p, rng)] for side in (0, 1)
            )  # [trials, copies, reads]
            x = (a + 2 * b).reshape(-1, p.reads)
            read = np.concatenate(
                [
                    code._decoded(np.repeat(part, code.copies, axis=1), rng)
                    for part in _parts(x, p.reads * code.copies * len(code.periods))
                ]
            )
            answers = tables[gate][read].reshape(len(bits), p.copies)
            faulty = rng.random(answers.shape) < p.fault
            following[:, gate] = np.where(faulty, 1 - answers, answers)
        state = following
        yield state


def majority(copies: np.ndarray) -> np.ndarray:
    """Return the value of most copies, the last axis; 1 where both are equal."""
    return (2 * copies.sum(axis=-1) >= copies.shape[-1]).astype(np.int64)


def multiplier() -> Circuit:
    """Return the product of two numbers of 2 bits: wires a0, a1, b0, b1 in, product bits out.

    Example:
        >>> ideal(multiplier(), np.array([[1, 1, 0, 1]]))[-1].tolist()    # 3 x 2, low bit first
        [[0, 1, 1, 0]]
    """
    same = (0, 1, 0, 1)  # the first input, whatever the second
    and_, xor = TABLES["and"], TABLES["xor"]
    tables = [[and_] * 4, [same, xor, and_, same], [same, same, xor, and_]]
    sources = [
        [(0, 2), (1, 2), (0, 3), (1, 3)],  # a0 b0, a1 b0, a0 b1, a1 b1
        [(0, 1), (1, 2), (1, 2), (3, 0)],  # and the sum of the middle two, and its carry
        [(0, 1), (1, 0), (2, 3), (2, 3)],
    ]
    return Circuit(np.array(tables), np.array(sources))


def _wires(p: Multiplexing, rng: np.random.Generator) -> np.ndarray:
    """Return which copies each decoder reads, int64 [copies, reads], each copy once at most."""
    return rng.random((p.copies, p.copies)).argsort(axis=1)[:, : p.reads]


def _parts(x: np.ndarray, phases: int) -> list[np.ndarray]:
    """Split trials such that at most _BATCH phases are drawn at a time."""
    return np.array_split(x, max(1, -(-len(x) * phases // _BATCH)))
