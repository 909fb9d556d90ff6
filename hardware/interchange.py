"""All that crosses the border between simulator and chip: Model, SpikeInput, RunResult, and their files.

A model file is a plain NIR graph (HDF5) that any NIR tool can run, `input -> Affine -> CubaLIF -> ... -> output`, and
`metadata["biograd"]` with everything NIR has no word for: the format number, dt, steps, encoder, the apical path (itself
a NIR graph, `Linear(w_fb) -> LI` a layer), and `info`. The step it stands for, per layer, voltages in thresholds:

    u[t] = alpha_u u[t-1] + w s_pre[t] + bias
    v[t] = alpha_v v[t-1] (1 - s[t-1]) + u[t]
    s[t] = 1 where v[t] > 1, else 0

NIR's nodes are differential equations; the graph is written for one forward Euler step of dt, as snnTorch 1.0.0 reads
it (`snntorch/import_nir.py`, which also fixes dt at 1e-4 s): tau = dt / (1 - alpha), w_in = tau_syn / dt, r = tau_mem / dt,
v_threshold = 1, v_leak = v_reset = 0, all of them arrays. tau is double precision, so that alpha comes back exactly.
Spikes and results are .npz files of numbers and text.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nir
import numpy as np

from .archive import open_hdf5, read_npz, write_npz, write_whole

FORMAT = 1
MAX_STEPS = 100_000  # of one sample; a bound against forged files, three orders above what is used
_MIN_ALPHA = 1e-7  # smaller kept fractions do not survive 1 - dt / tau in double precision; write 0
_NEURON_RULE = "hard reset to 0, v_leak = v_reset = 0, v_threshold = 1, r = tau_mem / dt, w_in = tau_syn / dt"


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerModel:
    """One layer of neurons and the weights that lead to it, in real numbers.

    Arrays are stored as float32, kept fractions as float32 values: the precision the simulator uses.
    """

    w: np.ndarray  # float32 [out, in], thresholds per spike
    bias: np.ndarray  # float32 [out], thresholds per step, into the current u
    alpha_u: float = 0.5  # kept a step, 0 <= alpha < 1
    alpha_v: float = 0.75
    alpha_a: float = 0.0
    w_fb: np.ndarray | None = None  # float32 [out, classes]; None for the output layer

    def __post_init__(self) -> None:
        for name, ndim in (("w", 2), ("bias", 1), ("w_fb", 2)):
            value = getattr(self, name)
            if value is None and name == "w_fb":
                continue
            object.__setattr__(self, name, _real_array(f"LayerModel.{name}", value, ndim))
        out, n_in = self.w.shape
        if out == 0 or n_in == 0:
            raise ValueError(f"LayerModel.w has shape {self.w.shape}; need at least one neuron and one input")
        if self.bias.shape != (out,):
            raise ValueError(f"LayerModel.bias has shape {self.bias.shape}; w has {out} rows, so it needs shape ({out},)")
        if self.w_fb is not None and self.w_fb.shape[0] != out:
            raise ValueError(f"LayerModel.w_fb has shape {self.w_fb.shape}; w has {out} rows, so it needs ({out}, classes)")
        for name in ("alpha_u", "alpha_v", "alpha_a"):
            alpha = float(np.float32(getattr(self, name)))
            if not (alpha == 0 or _MIN_ALPHA <= alpha < 1):
                raise ValueError(f"LayerModel.{name} is {getattr(self, name)}; need 0, or 0.000001 to below 1 (fraction kept a step)")
            object.__setattr__(self, name, alpha)


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A feed-forward spiking network in real numbers, as trained; `info` holds only what JSON can."""

    layers: tuple[LayerModel, ...]
    steps: int  # T, time steps a sample is shown
    dt: float = 1e-4  # seconds a step
    encoder: str = "integrate_and_fire"
    info: dict[str, Any] = field(default_factory=dict)  # feedback, learning, quantisation, provenance; Any: it is JSON

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("Model.layers is empty; need at least one layer")
        object.__setattr__(self, "layers", tuple(self.layers))
        for index, (pre, post) in enumerate(itertools.pairwise(self.layers)):
            if post.w.shape[1] != pre.w.shape[0]:
                raise ValueError(f"Model.layers[{index + 1}] takes {post.w.shape[1]} inputs, layers[{index}] has {pre.w.shape[0]} neurons")
        if self.layers[-1].w_fb is not None:
            raise ValueError("Model.layers[-1].w_fb is set; the output layer gets its error directly: leave it None")
        for index, layer in enumerate(self.layers):
            if layer.w_fb is not None and layer.w_fb.shape[1] != self.classes:
                raise ValueError(
                    f"Model.layers[{index}].w_fb has {layer.w_fb.shape[1]} columns, the output layer has {self.classes} neurons"
                )
        if isinstance(self.steps, bool) or self.steps != int(self.steps) or not 1 <= self.steps <= MAX_STEPS:
            raise ValueError(f"Model.steps is {self.steps}; need a whole number of 1 to {MAX_STEPS:,}")
        if not (math.isfinite(self.dt) and self.dt > 0):
            raise ValueError(f"Model.dt is {self.dt}; need a time step above 0 seconds")
        try:
            json.dumps(self.info, allow_nan=False)
        except (TypeError, ValueError) as err:
            raise ValueError(f"Model.info holds what JSON cannot ({err}): use numbers, text, lists and dicts") from None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Neurons of the input and of each layer, e.g. (784, 256, 256, 10)."""
        return (self.layers[0].w.shape[1], *(layer.w.shape[0] for layer in self.layers))

    @property
    def classes(self) -> int:
        """Neurons of the output layer."""
        return self.layers[-1].w.shape[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class SpikeInput:
    """Encoded samples: spikes uint8 [T, B, N] of 0 and 1, and, where known, labels int64 [B]."""

    spikes: np.ndarray
    labels: np.ndarray | None = None

    def __post_init__(self) -> None:
        spikes = np.asarray(self.spikes)
        if spikes.ndim != 3 or 0 in spikes.shape:
            raise ValueError(f"SpikeInput.spikes has shape {spikes.shape}; need [T, B, N], none of them 0")
        if spikes.dtype.kind not in "biuf":
            raise ValueError(f"SpikeInput.spikes holds {spikes.dtype} values; need 0 and 1")
        as_bytes = spikes.astype(np.uint8) if spikes.dtype.kind != "f" else (spikes != 0).astype(np.uint8)
        if as_bytes.max() > 1 or not np.array_equal(as_bytes, spikes):
            raise ValueError("SpikeInput.spikes holds other values than 0 and 1: graded spikes are not deployed")
        object.__setattr__(self, "spikes", as_bytes)
        if self.labels is not None:
            labels = np.asarray(self.labels)
            if labels.shape != spikes.shape[1:2] or labels.dtype.kind not in "iu":
                raise ValueError(
                    f"SpikeInput.labels is {labels.dtype} of shape {labels.shape}; need one whole number a sample ({spikes.shape[1]})"
                )
            object.__setattr__(self, "labels", labels.astype(np.int64))


@dataclass(frozen=True, kw_only=True, eq=False)
class OperationCounts:
    """What the chip had to do, summed over all samples and steps; each array is int64 [1 + layers], entry 0 the input.

    An operation is counted where it happens: a synaptic operation at the layer whose neuron it feeds.

    Active and inactive neuron updates: Davies et al. 2018, Table 2, prices the two (81 and 52 pJ) without defining them.
    Here an update is active when at least one synaptic operation reached the neuron in that step, else inactive (it only
    decays). In a dense layer with a bias axon every update is active; so this reading is the dearer one.
    Weights of 0 count as operations: the dense synapse format stores and reads them.
    """

    synaptic_operations: np.ndarray  # spike x synapse, the always-on bias axons included; entry 0 is 0
    active_updates: np.ndarray  # neuron x step; entry 0 is 0: the input has no neurons on the chip
    inactive_updates: np.ndarray
    spikes: np.ndarray  # spikes sent; entry 0 the input's, without bias axons
    messages: np.ndarray  # spikes x destination cores, bias axons with the layer before; the output's go to one x86 core
    synaptic_updates: np.ndarray  # synapse x learning epoch; 0 in inference
    samples: int
    steps: int  # time steps of all samples together: barrier synchronisations

    def __post_init__(self) -> None:
        for name in COUNTED:
            array = np.asarray(getattr(self, name))
            if array.ndim != 1 or array.dtype.kind not in "iu" or array.shape != np.shape(self.spikes) or (array < 0).any():
                raise ValueError(f"OperationCounts.{name} is {array.dtype} of shape {array.shape}; need one count of 0 or more a layer")
            object.__setattr__(self, name, array.astype(np.int64))

    def totals(self) -> dict[str, int]:
        """Sum of each count over the input and all layers, e.g. {"synaptic_operations": 1204, ...}."""
        return {name: int(getattr(self, name).sum()) for name in COUNTED}

    def per_sample(self) -> dict[str, float]:
        """`totals`, divided by the number of samples."""
        return {name: total / self.samples for name, total in self.totals().items()}


_OVERFLOWS = ("wrapped_currents", "saturated_voltages")
COUNTED = ("synaptic_operations", "active_updates", "inactive_updates", "spikes", "messages", "synaptic_updates")


@dataclass(frozen=True, kw_only=True, eq=False)
class RunResult:
    """What came out of one run on one target.

    Recordings, where asked for, hold one array a layer, [T, B, N], step t being the layer's own t-th step of the sample
    (Lava's delay of one step a layer is taken out): u, v int32 in chip units (v after its reset), s uint8.
    """

    counts: np.ndarray  # int32 [B, classes], spikes of each output neuron
    target: str  # "emulator" or "lava"
    seconds: float  # wall clock of the run, without reading and writing files
    operations: OperationCounts
    u: tuple[np.ndarray, ...] | None = None
    v: tuple[np.ndarray, ...] | None = None
    s: tuple[np.ndarray, ...] | None = None
    wrapped_currents: int | None = None  # neuron x step at which u left 24 bits and wrapped; None: the target cannot tell
    saturated_voltages: int | None = None  # neuron x step at which v was clipped

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts)
        if counts.ndim != 2 or counts.dtype.kind not in "iu":
            raise ValueError(f"RunResult.counts is {counts.dtype} of shape {counts.shape}; need whole numbers [B, classes]")
        object.__setattr__(self, "counts", counts.astype(np.int32))

    @property
    def samples(self) -> int:
        """Number of samples, B."""
        return self.counts.shape[0]

    @property
    def predictions(self) -> np.ndarray:
        """Class with the most spikes, int64 [B]; a tie goes to the lowest class."""
        return np.argmax(self.counts, axis=1).astype(np.int64)

    def accuracy(self, labels: np.ndarray) -> float:
        """Fraction of samples predicted right, 0 to 1; labels: int [B]."""
        return float(np.mean(self.predictions == labels))


def write_model(model: Model, path: Path | str) -> None:
    """Write `model` as a NIR file, whole or not at all."""
    graph = to_nir(model)
    write_whole(path, lambda part: nir.write(part, graph))


def read_model(path: Path | str) -> Model:
    """Read a model file.

    Raises: FileNotFoundError; ValueError where the file is damaged, too large, of another format number, or holds a
        graph that is not a chain of Affine and CubaLIF with the parameters named in this file's docstring.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        found = file.get("node/metadata/biograd/format")
        number = found[()] if found is not None and found.shape == () else None
    if number is None:
        raise ValueError(f"{path}: a NIR or HDF5 file without BioGrad's metadata: export it with `biograd export`")
    if number != FORMAT:
        raise ValueError(f"{path}: format {number}; this version reads format {FORMAT}: export it again, or update biograd")
    try:
        graph = nir.read(path)
    except (KeyError, ValueError, TypeError, AssertionError, AttributeError, OSError, RuntimeError) as err:
        raise ValueError(f"{path}: not a NIR graph this reads ({' '.join(str(err).split())[:200] or type(err).__name__})") from None
    try:
        return from_nir(graph)
    except (ValueError, TypeError, AttributeError) as err:
        raise ValueError(f"{path}: {err}") from None


def to_nir(model: Model) -> nir.NIRGraph:
    """Build the NIR graph of `model`; conventions in this file's docstring."""
    nodes: dict[str, Any] = {"input": nir.Input(input_type={"input": np.array([model.sizes[0]])})}
    apical: dict[str, Any] = {}
    for number, layer in enumerate(model.layers, start=1):
        ones = np.ones(layer.w.shape[0])
        tau_syn, tau_mem, tau_a = (model.dt / (1 - alpha) * ones for alpha in (layer.alpha_u, layer.alpha_v, layer.alpha_a))
        nodes[f"fc{number}"] = nir.Affine(weight=layer.w, bias=layer.bias)
        nodes[f"lif{number}"] = nir.CubaLIF(
            tau_syn=tau_syn,
            tau_mem=tau_mem,
            r=tau_mem / model.dt,
            v_leak=0 * ones,
            v_threshold=ones,
            v_reset=0 * ones,
            w_in=tau_syn / model.dt,
        )
        apical[f"li{number}"] = nir.LI(tau=tau_a, r=tau_a / model.dt, v_leak=0 * ones)
        if layer.w_fb is not None:
            apical[f"fb{number}"] = nir.Linear(weight=layer.w_fb)
    nodes["output"] = nir.Output(output_type={"output": np.array([model.classes])})
    ours = {
        "format": FORMAT,
        "dt": model.dt,
        "steps": int(model.steps),
        "encoder": model.encoder,
        "units": "v, u, w, bias in thresholds (v_threshold = 1); tau, dt in seconds",
        "step": "forward Euler, alpha = 1 - dt / tau; bias enters the current each step; " + _NEURON_RULE,
        "info": json.dumps(model.info, allow_nan=False),
        "apical": {name: node.to_dict() for name, node in apical.items()},
    }
    return nir.NIRGraph(nodes=nodes, edges=_chain(list(nodes)), metadata={"biograd": ours})


def from_nir(graph: nir.NIRGraph) -> Model:
    """Read a Model from a graph that `to_nir` built.

    Raises: ValueError naming the node that is missing, unknown, wrongly connected, or of a kind Loihi's neuron is not.
    """
    ours = graph.metadata.get("biograd")
    if not isinstance(ours, dict):
        raise ValueError("the graph has no metadata named 'biograd': export it with `biograd export`")
    if ours.get("format") != FORMAT:
        raise ValueError(f"format {ours.get('format')}; this version reads format {FORMAT}: export it again, or update biograd")
    steps, dt = _number(ours, "steps"), _number(ours, "dt")
    depth = _check_chain(graph)
    layers = tuple(_layer(graph, ours, number, depth, dt) for number in range(1, depth + 1))
    try:
        info = json.loads(_text(ours, "info"))
    except json.JSONDecodeError as err:
        raise ValueError(f"metadata 'info' is not JSON ({err}): export it again") from None
    if not isinstance(info, dict) or steps != int(steps):
        raise ValueError(f"metadata 'steps' is {steps} and 'info' a {type(info).__name__}; need a whole number and an object")
    return Model(layers=layers, steps=int(steps), dt=dt, encoder=_text(ours, "encoder"), info=info)


def write_spikes(spikes: SpikeInput, path: Path | str) -> None:
    """Write encoded samples as .npz, eight spikes a byte."""
    arrays: dict[str, Any] = {
        "format": np.int64(FORMAT),
        "shape": np.array(spikes.spikes.shape, dtype=np.int64),
        "spikes": np.packbits(spikes.spikes.reshape(-1)),
    }
    if spikes.labels is not None:
        arrays["labels"] = spikes.labels
    write_npz(path, arrays)


def read_spikes(path: Path | str) -> SpikeInput:
    """Read encoded samples: a file of `write_spikes`, or any .npz with `spikes` [T, B, N] of 0 and 1 (and `labels` [B]).

    Raises: FileNotFoundError; ValueError naming the array that is missing or of the wrong shape.
    """
    arrays = read_npz(path)
    spikes = _field(path, arrays, "spikes")
    if "shape" in arrays:
        _check_format(path, arrays)
        shape = tuple(int(extent) for extent in np.atleast_1d(arrays["shape"]))
        if len(shape) != 3 or min(shape) < 1 or -(-math.prod(shape) // 8) != spikes.size or spikes.dtype != np.uint8:
            raise ValueError(f"{path}: {spikes.size:,} bytes of spikes do not make shape {shape}: write it again")
        spikes = np.unpackbits(spikes, count=math.prod(shape)).reshape(shape)
    try:
        return SpikeInput(spikes=spikes, labels=arrays.get("labels"))
    except ValueError as err:
        raise ValueError(f"{path}: {err}") from None


def write_result(result: RunResult, path: Path | str) -> None:
    """Write the result of a run as .npz; recordings as u1, u2, ..., v1, ..., s1, ..."""
    arrays: dict[str, Any] = {
        "format": np.int64(FORMAT),
        "counts": result.counts,
        "target": np.array(result.target),
        "seconds": np.float64(result.seconds),
        "samples": np.int64(result.operations.samples),
        "steps": np.int64(result.operations.steps),
    }
    arrays |= {name: getattr(result.operations, name) for name in COUNTED}
    arrays |= {name: np.int64(getattr(result, name)) for name in _OVERFLOWS if getattr(result, name) is not None}
    for name in ("u", "v", "s"):
        for number, array in enumerate(getattr(result, name) or (), start=1):
            arrays[f"{name}{number}"] = array
    write_npz(path, arrays)


def read_result(path: Path | str) -> RunResult:
    """Read the result of a run. Raises: FileNotFoundError; ValueError naming what is missing or wrong."""
    arrays = read_npz(path)
    _check_format(path, arrays)
    scalars = {name: _field(path, arrays, name) for name in ("seconds", "samples", "steps", "target")}
    if any(array.shape != () for array in scalars.values()):
        raise ValueError(f"{path}: seconds, samples, steps and target need one value each: write it again")
    extras: dict[str, Any] = {name: _recordings(arrays, name) for name in ("u", "v", "s")}
    extras |= {name: int(arrays[name]) for name in _OVERFLOWS if name in arrays}
    try:
        operations = OperationCounts(
            **{name: _field(path, arrays, name) for name in COUNTED}, samples=int(scalars["samples"]), steps=int(scalars["steps"])
        )
        return RunResult(
            counts=_field(path, arrays, "counts"),
            target=str(scalars["target"]),
            seconds=float(scalars["seconds"]),
            operations=operations,
            **extras,
        )
    except ValueError as err:
        raise ValueError(f"{path}: {err}") from None


def _real_array(name: str, value: Any, ndim: int) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or array.ndim != ndim:
        raise ValueError(f"{name} is {array.dtype} of shape {array.shape}; need real numbers in {ndim} dimension(s)")
    array = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} holds {int((~np.isfinite(array)).sum()):,} values that are not finite: train again, or look for a division by 0"
        )
    return array


def _chain(names: list[str]) -> list[tuple[str, str]]:
    return list(itertools.pairwise(names))


def _check_chain(graph: nir.NIRGraph) -> int:
    """Return the number of layers of input -> fc1 -> lif1 -> ... -> output, or raise ValueError naming what is not of that chain."""
    known = (nir.Input, nir.Affine, nir.CubaLIF, nir.Output)
    for name, node in graph.nodes.items():
        if not isinstance(node, known):
            raise ValueError(f"node {name!r} is a {type(node).__name__}; read are Input, Affine, CubaLIF, Output")
    depth = sum(isinstance(node, nir.CubaLIF) for node in graph.nodes.values())
    chain = ["input", *(name for number in range(1, depth + 1) for name in (f"fc{number}", f"lif{number}")), "output"]
    kinds = [nir.Input, *([nir.Affine, nir.CubaLIF] * depth), nir.Output]
    if depth == 0 or sorted(graph.nodes) != sorted(chain):
        raise ValueError(f"the graph has nodes {', '.join(sorted(graph.nodes))}; need input, fc1, lif1, ..., output")
    for name, kind in zip(chain, kinds, strict=True):
        if not isinstance(graph.nodes[name], kind):
            raise ValueError(f"node {name!r} is a {type(graph.nodes[name]).__name__}; need {kind.__name__}")
    extra = set(map(tuple, graph.edges)) ^ set(_chain(chain))
    if extra:
        edges = ", ".join(f"{a} -> {b}" for a, b in sorted(extra))
        raise ValueError(f"the graph is no plain chain ({edges}): recurrent and branching nets are not deployed")
    return depth


def _layer(graph: nir.NIRGraph, ours: Mapping[str, Any], number: int, depth: int, dt: float) -> LayerModel:
    """Read layer `number` (from 1) and check that its neuron is the one of the step in this file's docstring."""
    fc, lif = graph.nodes[f"fc{number}"], graph.nodes[f"lif{number}"]
    for name, wanted in (("v_threshold", 1.0), ("v_leak", 0.0), ("v_reset", 0.0), ("r", lif.tau_mem / dt), ("w_in", lif.tau_syn / dt)):
        if not np.allclose(getattr(lif, name), wanted, rtol=1e-9, atol=0):
            raise ValueError(f"node 'lif{number}': {name} is not as written by `biograd export` ({_NEURON_RULE})")
    apical = ours.get("apical")
    if not isinstance(apical, dict) or not isinstance(apical.get(f"li{number}"), dict) or "tau" not in apical[f"li{number}"]:
        raise ValueError(f"metadata 'apical' has no node 'li{number}': export it again")
    feedback = apical.get(f"fb{number}")
    return LayerModel(
        w=fc.weight,
        bias=fc.bias,
        alpha_u=_alpha(f"lif{number}", lif.tau_syn, dt),
        alpha_v=_alpha(f"lif{number}", lif.tau_mem, dt),
        alpha_a=_alpha(f"li{number}", apical[f"li{number}"]["tau"], dt),
        w_fb=feedback.get("weight") if isinstance(feedback, dict) and number < depth else None,
    )


def _alpha(name: str, tau: np.ndarray, dt: float) -> float:
    """Kept fraction of the one time constant that all neurons of a node share."""
    tau = np.asarray(tau)
    if tau.size == 0 or tau.dtype.kind != "f" or not np.isfinite(tau).all() or (tau != tau.flat[0]).any() or tau.flat[0] < dt * (1 - 1e-9):
        raise ValueError(f"node {name!r}: time constants must be one finite value a layer, of at least dt = {dt} s")
    return max(0.0, float(np.float32(1 - dt / float(tau.flat[0]))))


def _number(ours: Mapping[str, Any], name: str) -> float:
    value = np.asarray(ours.get(name))
    if value.shape != () or value.dtype.kind not in "iuf" or not np.isfinite(value) or value <= 0:
        raise ValueError(f"metadata {name!r} is {ours.get(name)}; need a number above 0")
    return float(value)


def _text(ours: Mapping[str, Any], name: str) -> str:
    value = ours.get(name)
    if not isinstance(value, str):
        raise ValueError(f"metadata {name!r} is {value!r}; need text")
    return value


def _field(path: Path | str, arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    if name not in arrays:
        raise ValueError(f"{path}: has no array {name!r}; found {', '.join(sorted(arrays)) or 'none'}")
    return arrays[name]


def _check_format(path: Path | str, arrays: Mapping[str, np.ndarray]) -> None:
    number = _field(path, arrays, "format")
    if number.shape != () or number != FORMAT:
        raise ValueError(f"{path}: format {number}; this version reads format {FORMAT}: write it again, or update biograd")


def _recordings(arrays: Mapping[str, np.ndarray], name: str) -> tuple[np.ndarray, ...] | None:
    found = [arrays[f"{name}{number}"] for number in range(1, len(arrays) + 1) if f"{name}{number}" in arrays]
    return tuple(found) or None
