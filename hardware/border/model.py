"""Objects that pass between simulator and chip: Model, SpikeInput, OperationCounts, RunResult.

A Model means this step in each layer, voltages in thresholds:

    u[t] = alpha_u u[t-1] + w s_pre[t] + w_rec s[t-1] + bias
    v[t] = alpha_v v[t-1] (1 - s[t-1]) + u[t]       reset to zero; by subtraction:
                                                    alpha_v (v[t-1] - s[t-1]) + u[t], or, late,
                                                    alpha_v v[t-1] - s[t-1] + u[t]
    s[t] = 1 where v[t] > 1, else 0                 a readout: s[t] = 0, its answer the sum of v

Each object checks itself on construction; `files` reads and writes them.
"""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from .checks import instance_of, real_number, text_of
from .layers import LayerModel

MAX_STEPS = 100_000  # per sample; a bound against forged files, 1,000 times above any use so far
OVERFLOWS = ("wrapped_currents", "saturated_voltages")
COUNTED = (
    "synaptic_operations",
    "active_updates",
    "inactive_updates",
    "spikes",
    "messages",
    "synaptic_updates",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A chain of layers of a spiking network in real numbers, as trained."""

    layers: tuple[LayerModel, ...]
    steps: int  # T, time steps per sample
    dt: float = 1e-4  # seconds per step
    encoder: str = "integrate_and_fire"
    # feedback, learning, quantisation, provenance; any: JSON
    info: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # of the reader, on what a file left open; written into no file

    def __post_init__(self) -> None:
        instance_of(self.layers, (list, tuple), "Model.layers", "a sequence of LayerModels")
        for layer in self.layers:
            instance_of(layer, LayerModel, "a layer of Model.layers", "a LayerModel")
        if not self.layers:
            raise ValueError("Model.layers is empty; need at least one layer")
        object.__setattr__(self, "layers", tuple(self.layers))
        for index, (pre, post) in enumerate(itertools.pairwise(self.layers)):
            if post.inputs != pre.neurons:
                raise ValueError(
                    f"Model.layers[{index + 1}] takes {post.inputs} inputs, layers[{index}] has"
                    f" {pre.neurons} neurons"
                )
            if not pre.fires:
                raise ValueError(
                    f"Model.layers[{index}] does not fire, and a layer follows: only the last layer"
                    " can be a readout without spikes"
                )
        if self.layers[-1].w_fb is not None:
            raise ValueError(
                "Model.layers[-1].w_fb is set; the output layer gets its error directly: leave it"
                " None"
            )
        for index, layer in enumerate(self.layers):
            if layer.w_fb is not None and layer.w_fb.shape[1] != self.classes:
                raise ValueError(
                    f"Model.layers[{index}].w_fb has {layer.w_fb.shape[1]} columns, the output"
                    f" layer has {self.classes} neurons"
                )
        instance_of(self.steps, Real, "Model.steps", "a whole number")
        if (
            isinstance(self.steps, bool)
            or not 1 <= self.steps <= MAX_STEPS
            or self.steps != int(self.steps)
        ):
            raise ValueError(
                f"Model.steps is {text_of(self.steps)}; need a whole number of 1 to {MAX_STEPS:,}"
            )
        if not instance_of(self.encoder, str, "Model.encoder", "the name of an encoder"):
            raise ValueError("Model.encoder is empty; need the name of an encoder")
        real_number(self.dt, "Model.dt", finite=False)
        if not (math.isfinite(self.dt) and self.dt > 0):
            raise ValueError(f"Model.dt is {self.dt}; need a time step above 0 seconds")
        try:
            json.dumps(self.info, allow_nan=False)
        except (TypeError, ValueError) as err:
            raise ValueError(
                f"Model.info holds values that JSON cannot ({err}): use numbers, text, lists and"
                " dicts"
            ) from None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Neurons of the input and of each layer, e.g. (784, 256, 256, 10)."""
        return (self.layers[0].inputs, *(layer.neurons for layer in self.layers))

    @property
    def classes(self) -> int:
        """Neurons of the output layer."""
        return self.layers[-1].neurons


@dataclass(frozen=True, kw_only=True, eq=False)
class SpikeInput:
    """Encoded samples: spikes uint8 [T, B, N] of 0 and 1, and, where known, labels int64 [B].

    Samples may end before step T: what follows their last step is not run, counted or answered.
    """

    spikes: np.ndarray
    labels: np.ndarray | None = None
    lengths: np.ndarray | None = None  # int64 [B], steps of each sample; None: all have T

    def __post_init__(self) -> None:
        spikes = np.asarray(self.spikes)
        if spikes.ndim != 3 or 0 in spikes.shape:
            raise ValueError(
                f"SpikeInput.spikes has shape {spikes.shape}; need [T, B, N], none of them 0"
            )
        if spikes.dtype.kind not in "biuf":
            raise ValueError(f"SpikeInput.spikes holds {spikes.dtype} values; need 0 and 1")
        as_bytes = (
            spikes.astype(np.uint8) if spikes.dtype.kind != "f" else (spikes != 0).astype(np.uint8)
        )
        if as_bytes.max() > 1 or not np.array_equal(as_bytes, spikes):
            raise ValueError(
                "SpikeInput.spikes holds other values than 0 and 1: graded spikes cannot be"
                " deployed"
            )
        object.__setattr__(self, "spikes", as_bytes)
        if self.labels is not None:
            labels = np.asarray(self.labels)
            if labels.shape != spikes.shape[1:2] or labels.dtype.kind not in "iu":
                raise ValueError(
                    f"SpikeInput.labels is {labels.dtype} of shape {labels.shape}; need one whole"
                    f" number per sample ({spikes.shape[1]})"
                )
            object.__setattr__(self, "labels", labels.astype(np.int64))
        if self.lengths is not None:
            object.__setattr__(self, "lengths", self._checked_lengths())

    def of(self, samples: slice) -> SpikeInput:
        """Return some of the samples."""
        instance_of(samples, slice, "samples", "a slice, e.g. slice(0, 10)")
        labels, lengths = (
            None if array is None else array[samples] for array in (self.labels, self.lengths)
        )
        return SpikeInput(spikes=self.spikes[:, samples], labels=labels, lengths=lengths)

    def _checked_lengths(self) -> np.ndarray:
        lengths, (steps, samples, _) = np.asarray(self.lengths), self.spikes.shape
        if lengths.shape != (samples,) or lengths.dtype.kind not in "iu":
            raise ValueError(
                f"SpikeInput.lengths is {lengths.dtype} of shape {lengths.shape}; need the steps of"
                f" each sample, whole numbers ({samples})"
            )
        if lengths.min() < 1 or lengths.max() > steps:
            raise ValueError(
                f"SpikeInput.lengths run from {lengths.min()} to {lengths.max()}; need 1 to"
                f" {steps} steps"
            )
        after = np.arange(steps)[:, None] >= lengths
        if np.asarray(self.spikes.any(axis=2))[after].any():
            raise ValueError(
                "SpikeInput.spikes has spikes after the last step of a sample: set its length to"
                " its last step, or the spikes after it to 0"
            )
        return lengths.astype(np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class OperationCounts:
    """Operations of the chip, summed over all samples and steps.

    Each array is int64 [1 + layers]; entry 0 is the input. An operation is counted where it
    happens: a synaptic operation at the layer whose neuron it feeds.

    Active and inactive neuron updates: Davies et al. 2018, Table 2, prices the two (81 and 52 pJ)
    without defining them. Here an update is active when at least one synaptic operation reached the
    neuron in that step, else inactive (it only decays). In a dense layer with a bias axon every
    update is active, so this definition gives the higher price.
    Weights of 0 count as operations: the dense synapse format stores and reads them.
    """

    # spike x synapse, the always-on bias axons included; entry 0 is 0
    synaptic_operations: np.ndarray
    active_updates: np.ndarray  # neuron x step; entry 0 is 0: the input has no neurons on the chip
    inactive_updates: np.ndarray
    spikes: np.ndarray  # spikes sent, without those of bias axons
    # spikes x destination cores, bias axons with the layer before; the output's go to one x86 core
    messages: np.ndarray
    synaptic_updates: np.ndarray  # synapse x learning epoch; 0 in inference
    samples: int
    steps: int  # time steps of all samples together: barrier synchronisations

    def __post_init__(self) -> None:
        for name in COUNTED:
            array = np.asarray(getattr(self, name))
            if (
                array.ndim != 1
                or array.dtype.kind not in "iu"
                or array.shape != np.shape(self.spikes)
                or (array < 0).any()
            ):
                raise ValueError(
                    f"OperationCounts.{name} is {array.dtype} of shape {array.shape}; need one"
                    " count of 0 or more per layer"
                )
            object.__setattr__(self, name, array.astype(np.int64))

    def totals(self) -> dict[str, int]:
        """Return each count summed over the input and all layers, e.g. {"spikes": 1204, ...}."""
        return {name: int(getattr(self, name).sum()) for name in COUNTED}

    def per_sample(self) -> dict[str, float]:
        """Return `totals` divided by the number of samples."""
        return {name: total / self.samples for name, total in self.totals().items()}


@dataclass(frozen=True, kw_only=True, eq=False)
class RunResult:
    """Result of one run on one target.

    Recordings (None unless requested) hold one array [T, B, N] per layer: u, v int32 in chip units
    (v after its reset), s uint8. Step t is the layer's own t-th step of the sample: Lava's delay of
    one step per layer is removed.
    """

    # int32 [B, classes], spikes of each output neuron; of a readout without spikes, int64, the sum
    # of its voltages over all steps, chip units
    counts: np.ndarray
    target: str  # "emulator" or "lava"
    seconds: float  # wall clock of the run, without reading and writing files
    operations: OperationCounts
    u: tuple[np.ndarray, ...] | None = None
    v: tuple[np.ndarray, ...] | None = None
    s: tuple[np.ndarray, ...] | None = None
    # neuron x step at which u left 24 bits and wrapped; None: the target does not count it
    wrapped_currents: int | None = None
    saturated_voltages: int | None = None  # neuron x step at which v was clipped

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts)
        if counts.ndim != 2 or counts.dtype.kind not in "iu":
            raise ValueError(
                f"RunResult.counts is {counts.dtype} of shape {counts.shape}; need whole numbers"
                " [B, classes]"
            )
        small = (
            np.int64
            if counts.dtype == np.int64 and np.abs(counts).max(initial=0) >= 2**31
            else np.int32
        )
        object.__setattr__(self, "counts", counts.astype(small))

    @property
    def samples(self) -> int:
        """Number of samples, B."""
        return self.counts.shape[0]

    @property
    def predictions(self) -> np.ndarray:
        """Class with the most spikes, int64 [B]; a tie goes to the lowest class."""
        return np.argmax(self.counts, axis=1).astype(np.int64)

    def accuracy(self, labels: np.ndarray) -> float:
        """Return the fraction of samples predicted right, 0 to 1; labels: int [B]."""
        return float(np.mean(self.predictions == labels))
