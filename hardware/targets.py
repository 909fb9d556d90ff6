"""Targets: where a model can run. The emulator runs here; Lava's simulation in its own Python.

A target is a function of FixedPointModel and SpikeInput to RunResult. A function that also has a
parameter named `options` receives the RunOptions. To add a target, add it to TARGETS, or pass the
function itself:

    def mine(fixed, spikes):
        return RunResult(counts=..., target="mine", seconds=..., operations=...)

    TARGETS["mine"] = mine
    result = run(model, spikes, "mine")

`run` quantises, checks every limit and the spikes, calls the target, and checks its result.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from . import emulator, faulty_emulator, limits
from .border.checks import instance_of, real_number, whole_number
from .border.faults import Faults
from .border.model import Model, RunResult, SpikeInput
from .fixed_point import FixedPointModel, quantise
from .lava_target import run_samples, up_to_the_end

DEADLINE = 600.0  # seconds
Progress = Callable[[int, int], None]  # (samples done, samples in all)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of one run, as `run` passes them to targets that take them."""

    deadline: float = DEADLINE  # seconds that a target outside this process may take
    progress: Progress | None = None
    record: Sequence[str] = ()  # any of "u", "v", "s": keep it for every layer and step
    workers: int | None = None  # copies of the net that run in parallel; None: one per processor
    faults: Faults = field(default_factory=Faults)  # of neurons and synapses; none by default

    def __post_init__(self) -> None:
        real_number(self.deadline, "deadline", finite=False)
        if not self.deadline > 0:
            raise ValueError(f"deadline is {self.deadline}; need seconds above 0")
        if self.workers is not None:
            whole_number(self.workers, "workers", 1)
        instance_of(self.faults, Faults, "faults", "Faults(dead=0.1)")


Target = (
    Callable[[FixedPointModel, SpikeInput], RunResult]
    | Callable[[FixedPointModel, SpikeInput, RunOptions], RunResult]
)
_DEFAULTS = RunOptions()


def run(
    model: Model | FixedPointModel,
    spikes: SpikeInput,
    target: str | Target,
    *,
    deadline: float = DEADLINE,
    progress: Progress | None = None,
    record: Sequence[str] = (),
    workers: int | None = None,
    faults: Faults | None = None,
) -> RunResult:
    """Run all samples on one target.

    Args:
        model: a Model is quantised here, without calibration.
        target: a key of TARGETS, or the function itself.
        deadline, progress, record, workers, faults: see RunOptions.
    Raises: ValueError (limits.LimitError) for a model that the chip cannot hold, spikes that do not
        fit, or a target that does not keep its contract; TargetError where Lava fails.
    """
    name, function = _resolved(target)
    options = RunOptions(
        deadline=deadline,
        progress=progress,
        record=record,
        workers=workers,
        faults=Faults() if faults is None else faults,
    )
    takes_options = _takes_options(name, function)
    if options.faults.any and not takes_options:
        raise ValueError(
            f"target {name!r} takes no options, and so no faults: give it a parameter `options`, or"
            " run the target 'emulator'"
        )
    instance_of(model, (Model, FixedPointModel), "model", "a Model or a FixedPointModel")
    fixed = quantise(model) if isinstance(model, Model) else model
    emulator.check_spikes(fixed, spikes, record)
    limits.check(fixed)
    result = function(fixed, spikes, **({"options": options} if takes_options else {}))
    _check_result(name, result, (spikes.spikes.shape[1], fixed.sizes[-1]), record)
    return result


def run_emulator(
    fixed: FixedPointModel, spikes: SpikeInput, options: RunOptions = _DEFAULTS
) -> RunResult:
    """Run in the emulator, in this process."""
    return faulty_emulator.run(
        fixed, spikes, options.faults, record=options.record, progress=options.progress
    )


def run_lava(
    fixed: FixedPointModel, spikes: SpikeInput, options: RunOptions = _DEFAULTS
) -> RunResult:
    """Run in Lava's simulation, in guarded subprocesses.

    Lava counts no operations; those of the result are the emulator's, on the same integers and
    spikes.
    """
    if options.faults.any:
        raise ValueError(
            "faults are injected in the emulator and the simulator, not in Lava: run the target"
            " 'emulator'"
        )
    operations = emulator.run(fixed, spikes).operations
    counts, seconds, recordings = run_samples(
        fixed,
        spikes,
        deadline=options.deadline,
        progress=options.progress,
        record=options.record if spikes.lengths is None else "uvs",
        workers=options.workers,
    )
    if spikes.lengths is not None:
        counts, recordings = up_to_the_end(fixed, spikes.lengths, recordings, options.record)
    return RunResult(
        counts=counts, target="lava", seconds=seconds, operations=operations, **recordings
    )


def _resolved(target: str | Target) -> tuple[str, Callable[..., RunResult]]:
    """Return a target's name and function."""
    if not isinstance(target, str):
        if not callable(target):
            raise ValueError(f"target is {target!r}; need a name or a function of model and spikes")
        return getattr(target, "__name__", type(target).__name__), target
    if target not in TARGETS:
        raise ValueError(f"target is {target!r}; known are {', '.join(TARGETS)}")
    return target, TARGETS[target]


def _takes_options(name: str, function: Callable[..., RunResult]) -> bool:
    """Return true if the target has a parameter `options`, false if it takes model and spikes."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # some compiled functions have none
        return False
    takes_options = "options" in signature.parameters
    try:
        signature.bind(None, None, **({"options": None} if takes_options else {}))
    except TypeError as err:
        raise ValueError(
            f"target {name!r} takes {signature} ({err}); need (fixed, spikes) or (fixed, spikes,"
            " options)"
        ) from None
    return takes_options


def _check_result(name: str, result: object, shape: tuple[int, int], record: Sequence[str]) -> None:
    """Raise ValueError unless a target returned a RunResult of this size with all recordings."""
    if not isinstance(result, RunResult):
        raise ValueError(f"target {name!r} returned {type(result).__name__}; need a RunResult")
    if result.counts.shape != shape:
        raise ValueError(
            f"target {name!r} returned counts of shape {result.counts.shape}; need (samples,"
            f" classes) = {shape}"
        )
    missing = [variable for variable in record if getattr(result, variable) is None]
    if missing:
        raise ValueError(
            f"target {name!r} recorded no {', '.join(missing)}: leave record out, or let the target"
            " take `options` and keep what options.record names"
        )


TARGETS: dict[str, Target] = {"emulator": run_emulator, "lava": run_lava}
