"""Read a netx file (lava-dl's HDF5, `*.net`) as a model in chip integers.

`layer/0`, `layer/1`, ... hold a type, weights, and a neuron with iDecay, vDecay and vThMant: du =
iDecay - 1, dv = vDecay, vth = vThMant; biases are mantissas of exponent 6 that are added to v. No
layer delays the next one. Read are input, conv, pool (which lava-dl's own reader refuses: a sum
over windows times one weight, onto neurons), flatten, dense and dense_rec, with neurons of type
LOIHI or CUBA. Delays are axonal: those of a layer's spikes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..border.hdf5 import open_hdf5
from ..border.layers import MAX_DELAY
from ..border.nir_geometry import pair
from ..border.printable import one_line, quoted
from ..border.shapes import MAX_NEURONS, Convolution
from ..fixed_layers import FixedPointLayer, FixedPointModel
from .inputs import InputNeurons

_READ = "input, conv, pool, flatten, dense and dense_rec"
_NEURONS = ("LOIHI", "CUBA")
_MAX_STEPS = 100_000


@dataclass(frozen=True, kw_only=True, eq=False)
class NetxModel:
    """A network as its file holds it."""

    model: FixedPointModel
    inputs: InputNeurons | None  # None: its first layer takes spikes


def is_netx(path: Path | str) -> bool:
    """Return true for an HDF5 file with a group `layer` of numbered layers."""
    try:
        with open_hdf5(path) as file:
            return isinstance(file.get("layer"), h5py.Group)
    except (OSError, ValueError):
        return Path(path).suffix == ".net"


def read_netx(path: Path | str, *, steps: int | None = None) -> NetxModel:
    """Read a file of lava-dl.

    Args:
        steps: T, time steps per sample; None: the file's own tSample.
    Raises: FileNotFoundError; ValueError naming the file, the layer and what is wrong with it, all
        layers at once.
    """
    with open_hdf5(path) as file:
        group = file.get("layer")
        if not isinstance(group, h5py.Group) or not len(group):
            raise ValueError(f"{path}: no netx file: has no group 'layer' with layers 0, 1, ...")
        names = sorted(
            group, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0)
        )
        if names != [str(number) for number in range(len(names))]:
            raise ValueError(
                f"{path}: its layers are {', '.join(map(quoted, names[:20]))}; need 0, 1, ..."
            )
        reader = _Reader()
        for name in names:
            try:
                reader.read(group[name])
            # an entry of an unexpected kind raises whatever NumPy or h5py happens to raise
            except (ValueError, TypeError, KeyError, AttributeError, IndexError) as err:
                text = f"no entry {err}" if isinstance(err, KeyError) else one_line(err)
                reader.problems.append(f"layer {name}: {text}")
                reader.shape = None
        if not reader.problems and not reader.layers:
            reader.problems.append("it has no layer with synapses")
        if reader.problems:
            raise ValueError(f"{path}: " + "; ".join(reader.problems))
        count = steps or _stated_steps(file)
    if count is None:
        raise ValueError(f"{path}: states no tSample: name its time steps (--steps)")
    try:
        model = FixedPointModel(layers=tuple(reader.layers), steps=count)
    except ValueError as err:
        raise ValueError(f"{path}: {err}") from None
    return NetxModel(model=model, inputs=reader.inputs)


class _Reader:
    """Layers read so far, the shape behind them, and the delays of its spikes."""

    def __init__(self) -> None:
        self.layers: list[FixedPointLayer] = []
        self.problems: list[str] = []
        self.inputs: InputNeurons | None = None
        self.shape: tuple[int, ...] | None = None
        self.delay: np.ndarray | None = None

    # any: h5py is untyped
    def read(self, layer: Any) -> None:
        """Read one layer; raises whatever is wrong with it."""
        kind = _text(layer["type"])
        if kind == "flatten":
            self.shape = None if self.shape is None else (math.prod(self.shape),)
            return
        if kind not in ("input", "conv", "pool", "dense", "dense_rec"):
            raise ValueError(f"is of type {quoted(kind)}; read are {_READ}")
        neuron = _neuron(layer["neuron"])
        if kind == "input":
            self._read_input(layer, neuron)
            return
        read = self._read_maps if kind in ("conv", "pool") else self._read_dense
        made = read(layer, neuron, kind)
        self.layers.append(made)
        self.shape = (made.neurons,) if made.conv is None else made.conv.out_shape
        self.delay = _delays(layer, self.shape)

    def _read_input(self, layer: Any, neuron: dict[str, int]) -> None:
        if self.layers or self.inputs is not None:
            raise ValueError("is of type input, and layers come before it")
        self.shape = _shape(layer)
        self.inputs = InputNeurons(
            shape=self.shape,
            vth=neuron["vth"],
            dv=neuron["dv"],
            weight=_real(layer, "weight", 1.0),
            bias=_real(layer, "bias", 0.0),
        )
        self.delay = _delays(layer, self.shape)

    def _read_maps(self, layer: Any, neuron: dict[str, int], kind: str) -> FixedPointLayer:
        out = _shape(layer)
        if self.shape is None and "inputShape" in layer:  # of our own files
            self.shape = tuple(_integers(layer["inputShape"]).reshape(-1).tolist())
        if self.shape is None or len(self.shape) != 3 or len(out) != 3:
            raise ValueError(
                f"is of type {kind} behind a population of shape {self.shape}; need maps (C, H, W)"
            )
        channels = self.shape[0]
        stride, padding, dilation = (
            pair(_integers(layer[name])) if name in layer else (default, default)
            for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))
        )
        groups = channels if kind == "pool" else _integer(layer, "groups", 1)
        conv = Convolution(
            in_shape=(channels, *self.shape[1:]),
            channels=out[0],
            kernel=pair(_integers(layer["kernelSize"])),
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )
        if conv.out_shape != out:
            raise ValueError(f"states the shape {out}, and its geometry makes {conv.out_shape}")
        w = _integers(layer["weight"])
        if kind == "pool":
            w = np.broadcast_to(w.reshape(-1)[:1].reshape(1, 1, 1, 1), conv.weight_shape)
        if w.size != math.prod(conv.weight_shape):
            raise ValueError(f"has {w.size:,} weights; its geometry needs {conv.weight_shape}")
        return self._layer(layer, w.reshape(conv.weight_shape), neuron, conv=conv)

    def _read_dense(self, layer: Any, neuron: dict[str, int], kind: str) -> FixedPointLayer:
        out = math.prod(_shape(layer))
        w = _integers(layer["weight"])
        inputs = w.size // out if self.shape is None else math.prod(self.shape)
        if w.size != out * inputs:
            raise ValueError(
                f"has {w.size:,} weights; need {out} x {inputs} of the population before it"
            )
        w_rec = None
        if kind == "dense_rec":
            w_rec = _integers(layer["weight_rec"])
            if w_rec.size != out * out:
                raise ValueError(f"has {w_rec.size:,} recurrent weights; need {out} x {out}")
            w_rec = w_rec.reshape(out, out)
        return self._layer(layer, w.reshape(out, inputs), neuron, w_rec=w_rec)

    def _layer(
        self, layer: Any, w: np.ndarray, neuron: dict[str, int], **parts: Any
    ) -> FixedPointLayer:
        bias = None
        if "bias" in layer:
            bias = _integers(layer["bias"]).reshape(-1)
            if bias.size not in (1, len(w)):
                raise ValueError(f"has {bias.size} biases; need one per row, {len(w)}")
            bias = np.broadcast_to(bias, len(w)) if bias.any() else None
        return FixedPointLayer(
            w=w,
            w_bias=np.zeros((len(w), 0), dtype=np.int32),
            bias_mant=bias,
            delay=self.delay,
            du=neuron["du"],
            dv=neuron["dv"],
            vth=neuron["vth"],
            **parts,
        )


def _neuron(group: Any) -> dict[str, int]:
    kind = _text(group["type"])
    if kind not in _NEURONS:
        raise ValueError(f"has neurons of type {quoted(kind)}; read are {', '.join(_NEURONS)}")
    if _integer(group, "refDelay", 1) > 1:
        raise ValueError(
            f"has a refractory time of {_integer(group, 'refDelay', 1)} steps; only 1, which is"
            " none, is read"
        )
    if _integer(group, "gradedSpike", 0):
        raise ValueError("sends graded spikes; only spikes of 1 are read")
    return {
        "du": _integer(group, "iDecay") - 1,
        "dv": _integer(group, "vDecay"),
        "vth": _integer(group, "vThMant"),
    }


def _delays(layer: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the delays of a layer's spikes, int64 [N], of neurons or of channels."""
    if "delay" not in layer:
        return None
    delay = _integers(layer["delay"]).reshape(-1)
    size = math.prod(shape)
    if delay.size not in (1, shape[0], size):
        raise ValueError(f"has {delay.size} delays; need 1, or one per channel or neuron")
    if delay.size and (delay.min() < 0 or delay.max() > MAX_DELAY):
        beyond = delay.min() if delay.min() < 0 else delay.max()
        raise ValueError(f"has a delay of {beyond} steps; the chip has 0 to {MAX_DELAY}")
    if not delay.any():
        return None
    return np.repeat(np.broadcast_to(delay, max(delay.size, 1)), size // delay.size)


def _shape(layer: Any) -> tuple[int, ...]:
    """Return (C, H, W), or (N,) where the other extents are 1."""
    if "shape" not in layer:
        raise ValueError("states no shape: export it with a lava-dl that writes one")
    shape = tuple(_integers(layer["shape"]).reshape(-1).tolist())
    if not 1 <= len(shape) <= 3 or min(shape) < 1:
        raise ValueError(f"states the shape {shape}; need [C, H, W] or [N], none of them 0")
    if math.prod(shape) > MAX_NEURONS:
        raise ValueError(f"has {math.prod(shape):,} neurons; at most {MAX_NEURONS:,} are read")
    return shape if len(shape) == 3 and _text(layer["type"]) != "dense" else (math.prod(shape),)


def _stated_steps(file: Any) -> int | None:
    entry = file.get("simulation/tSample")
    if entry is None:
        return None
    steps = int(np.asarray(entry[()]).reshape(-1)[0])
    if not 1 <= steps <= _MAX_STEPS:
        raise ValueError(f"tSample is {steps}; need 1 to {_MAX_STEPS:,} steps (--steps)")
    return steps


def _integers(entry: Any) -> np.ndarray:
    """Return whole numbers; lava-dl stores them as floats."""
    values = np.asarray(entry[()])
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{entry.name.rsplit('/', 1)[-1]} holds {values.dtype} values")
    whole = np.rint(values)
    if (
        not np.isfinite(values).all()
        or (whole != values).any()
        or np.abs(whole).max(initial=0) > 2**31
    ):
        raise ValueError(
            f"{entry.name.rsplit('/', 1)[-1]} holds values that are no whole numbers of 32 bit:"
            " export the quantised weights"
        )
    return whole.astype(np.int64)


def _integer(group: Any, name: str, default: int | None = None) -> int:
    if name not in group and default is not None:
        return default
    return int(_integers(group[name]).reshape(-1)[0])


def _real(group: Any, name: str, default: float) -> float:
    if name not in group:
        return default
    value = float(np.asarray(group[name][()]).reshape(-1)[0])
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}; need a finite number")
    return value


def _text(entry: Any) -> str:
    value = np.asarray(entry[()]).reshape(-1)[0]
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
