"""Logical errors of the grid code: of one gate, of long circuits, and of copies that are faulty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from biograd.studies.grid_code import (
    Circuit,
    GridCode,
    Multiplexing,
    coprime_periods,
    error_rate,
    gate_error,
    ideal,
    majority,
    multiplier,
    nand_circuit,
    run_circuit,
)

FIVE = (3, 4, 5, 7, 11)


@dataclass(frozen=True, kw_only=True)
class GateParams:
    """Noise, modules and copies of one gate."""

    noises: tuple[float, ...] = (0.05, 0.1, 0.15, 0.2)  # of phases, periods
    modules: tuple[int, ...] = (1, 2, 3, 5, 7, 30)  # 1: the period 4 alone, unencoded
    copies: tuple[int, ...] = (1, 2, 4, 8)  # of five modules; as many units of period 4 beside them
    unit_noise: float = 0.5  # 1
    synapses: float = 0.1  # fraction that fails
    trials: int = 20_000


@dataclass(frozen=True, kw_only=True)
class CircuitParams:
    """A deep circuit, and the multiplier, at one noise."""

    noise: float = 0.1
    copies: tuple[int, ...] = (1, 2, 4)
    depth: int = 100
    width: int = 4
    trials: int = 250


@dataclass(frozen=True, kw_only=True)
class ThresholdParams:
    """Circuits whose copies are faulty."""

    noises: tuple[float, ...] = (0.0, 0.1)
    faults: tuple[float, ...] = (0.06, 0.08, 0.1, 0.12, 0.13, 0.14, 0.16)
    copies: tuple[int, ...] = (11, 31, 71)
    reads: int = 3
    periods: tuple[int, ...] = (3, 4, 5)
    depth: int = 30
    settled: int = 10  # layers before errors are counted
    width: int = 2
    trials: int = 30


def gates(p: GateParams, seed: int) -> Iterator[dict[str, Any]]:  # any: JSON
    """Yield the errors of a NAND gate by modules, by copies, and by a repetition of one module."""
    rng = np.random.default_rng(seed)
    rows = []
    for modules in p.modules:
        periods = coprime_periods(modules) if modules > 1 else (4,)
        for noise in p.noises:
            code = GridCode(periods=periods, phase_noise=noise)
            rows.append(_row("modules", modules, "phase", noise, code, p.trials, rng))
        for kind, code in (
            ("unit", GridCode(periods=periods, unit_noise=p.unit_noise)),
            ("synapses", GridCode(periods=periods, synapses=p.synapses)),
        ):
            strength = p.unit_noise if kind == "unit" else p.synapses
            rows.append(_row("modules", modules, kind, strength, code, p.trials, rng))
    for copies in p.copies:
        for noise in p.noises:
            grid = GridCode(periods=FIVE, copies=copies, phase_noise=noise)
            alike = GridCode(periods=(4,), copies=5 * copies, phase_noise=noise)
            rows.append(_row("copies", copies, "phase", noise, grid, p.trials, rng))
            rows.append(_row("repetition", copies, "phase", noise, alike, p.trials, rng))
    yield {"task": "gate", "rows": rows}


def circuits(p: CircuitParams, seed: int) -> Iterator[dict[str, Any]]:  # any: JSON
    """Yield the errors per gate of a deep circuit, and of the multiplier's product."""
    rng = np.random.default_rng(seed)
    deep, product = nand_circuit(p.depth, p.width, rng), multiplier()
    rows = []
    for copies in p.copies:
        code = GridCode(periods=FIVE, copies=copies, phase_noise=p.noise)
        bits = rng.integers(0, 2, (p.trials, p.width))
        wrong, gates_run, last = _errors(deep, bits, code, Multiplexing(copies=1, reads=1), 0, rng)
        right = ideal(deep, bits)[-1]
        numbers = rng.integers(0, 2, (p.trials * 8, 4))
        *_, answers = run_circuit(product, numbers, code, Multiplexing(copies=1, reads=1), rng)
        missed = (majority(answers) != ideal(product, numbers)[-1]).any(axis=1)
        rows.append(
            {
                "copies": copies,
                "neurons_per_gate": code.neurons,
                "per_gate": error_rate(wrong, gates_run)._asdict(),
                "at_the_end": error_rate(int((last != right).sum()), right.size)._asdict(),
                "multiplier": error_rate(int(missed.sum()), len(missed))._asdict(),
            }
        )
    yield {"task": "circuit", "rows": rows}


def threshold(p: ThresholdParams, seed: int) -> Iterator[dict[str, Any]]:  # any: JSON
    """Yield the error per gate against the fraction of faulty copies, for numbers of copies."""
    rng = np.random.default_rng(seed)
    rows = []
    for noise in p.noises:
        code = GridCode(periods=p.periods, phase_noise=noise)
        for copies in p.copies:
            for fault in p.faults:
                circuit = nand_circuit(p.depth, p.width, rng)
                bits = rng.integers(0, 2, (p.trials, p.width))
                m = Multiplexing(copies=copies, reads=p.reads, fault=fault)
                wrong, gates_run, last = _errors(circuit, bits, code, m, p.settled, rng)
                end = float((last != ideal(circuit, bits)[-1]).mean())
                rows.append(
                    {
                        "phase_noise": noise,
                        "copies": copies,
                        "fault": fault,
                        "neurons_per_gate": copies * (2 * len(p.periods) * p.reads + 4),
                        "wrong": wrong,
                        "gates": gates_run,
                        "at_the_end": end,
                    }
                )
    yield {"task": "threshold", "rows": rows}


def described(p: GateParams | CircuitParams | ThresholdParams) -> dict[str, Any]:  # any: JSON
    """Return the configuration that identifies a row."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(p).items()
    }


def _row(
    by: str, number: int, kind: str, noise: float, code: GridCode, trials: int, rng: Any
) -> dict[str, Any]:  # any: a random generator; JSON
    error = gate_error(code, trials=trials, rng=rng)
    common = {"by": by, "number": number, "kind": kind, "noise": noise, "neurons": code.neurons}
    return common | error._asdict()


def _errors(
    circuit: Circuit,
    bits: np.ndarray,
    code: GridCode,
    p: Multiplexing,
    settled: int,
    rng: np.random.Generator,
) -> tuple[int, int, np.ndarray]:
    """Count gates whose majority is not the NAND of their inputs' majorities.

    Returns: wrong gates, gates counted after `settled` layers, and the majorities at the end.
    """
    wrong = gates_run = 0
    before = bits
    for layer, copies in enumerate(run_circuit(circuit, bits, code, p, rng)):
        after = majority(copies)
        first, second = (before[:, circuit.sources[layer, :, side]] for side in (0, 1))
        if layer >= settled:
            wrong += int((after != 1 - first * second).sum())
            gates_run += after.size
        before = after
    return wrong, gates_run, before
