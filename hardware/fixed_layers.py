"""A model in Loihi's integers: mantissas, exponents and decays of each layer, and its file."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .border.archive import read_npz, write_npz
from .border.checks import instance_of, word_of
from .border.layers import RESETS, delays_of
from .border.nir_graph import FORMAT
from .border.shapes import POOLS, Convolution, Pool
from .quantisation_report import QuantisationReport


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedPointLayer:
    """One layer in chip integers. Ranges are checked in `limits.check`."""

    # int32, already multiples of the weight step: [out, in], or kernels [channels, C / groups,
    # rows, columns] of `conv`
    w: np.ndarray
    # int32 [out or channels, bias axons], weights of the always-on axons; may have 0 columns
    w_bias: np.ndarray
    vth: int  # threshold, compared as vth << 6
    weight_exp: int = 0
    weight_bits: int = 8
    sign_mode: str = "mixed"
    du: int = 2047  # u keeps (4096 - (du + 1)) / 4096 per step
    dv: int = 1024  # v keeps (4096 - dv) / 4096 per step
    # int64 [2, out or channels], du and dv of each neuron or map, in place of the two above, where
    # neurons differ
    decays: np.ndarray | None = None
    conv: Convolution | None = None  # None: dense synapses
    w_rec: np.ndarray | None = None  # int32 [out, out], from the layer's own spikes, a step later
    reset: str = "zero"  # one of border.layers.RESETS; Lava and Loihi 1 reset to zero
    fires: bool = True  # False: a readout; its answer is the sum of its voltages
    delay: np.ndarray | None = None  # int64 [in], steps that each input's spikes arrive later
    # int32 [out or channels], mantissas of exponent 6 that are added to v in every step
    bias_mant: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name, ndim in (("w", 2 if self.conv is None else 4), ("w_bias", 2)):
            self._hold_integers(name, ndim)
        for name, ndim in (("w_rec", 2), ("bias_mant", 1), ("decays", 2)):
            if getattr(self, name) is not None:
                self._hold_integers(name, ndim)
        if self.w.shape[0] != self.w_bias.shape[0] or 0 in self.w.shape:
            raise ValueError(
                f"FixedPointLayer.w has shape {self.w.shape}, w_bias {self.w_bias.shape}; need the"
                " same number of rows, at least 1"
            )
        for name, array, shape in (
            ("w", self.w, self.conv.weight_shape if self.conv else self.w.shape),
            ("w_rec", self.w_rec, (self.neurons, self.neurons)),
            ("bias_mant", self.bias_mant, (len(self.w),)),
            ("decays", self.decays, (2, len(self.w))),
        ):
            if array is not None and array.shape != shape:
                raise ValueError(f"FixedPointLayer.{name} has shape {array.shape}; need {shape}")
        for name in ("vth", "weight_exp", "weight_bits", "du", "dv"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                raise ValueError(
                    f"FixedPointLayer.{name} is {value!r}; need an integer (Lava hangs on a float)"
                )
            object.__setattr__(self, name, int(value))
        word_of(self.reset, RESETS, "FixedPointLayer.reset")
        if self.delay is not None:
            delay = delays_of("FixedPointLayer.delay", self.delay, self.inputs)
            object.__setattr__(self, "delay", delay)

    @property
    def scale(self) -> float:
        """One weight unit in thresholds, 2**weight_exp / vth."""
        return 2.0**self.weight_exp / self.vth

    @property
    def inputs(self) -> int:
        """Neurons before the layer, without bias neurons."""
        return self.w.shape[1] if self.conv is None else self.conv.inputs

    @property
    def neurons(self) -> int:
        """Neurons of the layer."""
        return self.w.shape[0] if self.conv is None else self.conv.outputs

    @property
    def positions(self) -> int:
        """Neurons that share a row of `w` and `w_bias`: 1, or those of a map."""
        return self.neurons // len(self.w)

    @property
    def is_mixed(self) -> bool:
        """True where decays differ from neuron to neuron, or from map to map."""
        return self.decays is not None

    def lost(self) -> np.ndarray:
        """Return what u and v lose per step, du + 1 and dv, int32 [2, out], 1/4096."""
        held = np.array([[self.du], [self.dv]]) if self.decays is None else self.decays
        lost = held.astype(np.int32) + np.array([[1], [0]], np.int32)
        return np.repeat(lost, self.neurons // lost.shape[1], axis=1)

    def bias(self) -> np.ndarray:
        """Return the sum of the bias axons' weights, int32 [out], weight units."""
        return np.repeat(self.w_bias.sum(axis=1, dtype=np.int32), self.positions)

    def matrix(self) -> np.ndarray:
        """Return the dense weights that mean the same, int32 [out, in]."""
        return self.w if self.conv is None else self.conv.matrix(self.w)

    def _hold_integers(self, name: str, ndim: int) -> None:
        array = np.asarray(getattr(self, name))
        if array.dtype.kind not in "iu" or array.ndim != ndim:
            what = "[out, in]" if ndim == 2 else f"in {ndim} dimension(s)"
            raise ValueError(
                f"FixedPointLayer.{name} is {array.dtype} of shape {array.shape}; need integers"
                f" {what}: quantise the model first"
            )
        object.__setattr__(self, name, np.ascontiguousarray(array, dtype=np.int32))


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedPointModel:
    """A network in chip integers."""

    layers: tuple[FixedPointLayer, ...]
    steps: int
    dt: float = 1e-4  # seconds per step, of the model's own time; the chip runs as fast as it can
    report: QuantisationReport | None = None  # None: the integers did not come from `quantise`

    def __post_init__(self) -> None:
        instance_of(self.layers, (list, tuple), "FixedPointModel.layers", "a sequence of layers")
        for layer in self.layers:
            instance_of(layer, FixedPointLayer, "a layer", "a FixedPointLayer")
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise ValueError("FixedPointModel.layers is empty; need at least one layer")
        for number, (pre, post) in enumerate(itertools.pairwise(self.layers), start=2):
            if post.inputs != pre.neurons:
                raise ValueError(
                    f"layer {number} takes {post.inputs} inputs, layer {number - 1} has"
                    f" {pre.neurons} neurons"
                )
            if not pre.fires:
                raise ValueError(
                    f"layer {number - 1} does not fire, and a layer follows: only the last layer"
                    " can be a readout without spikes"
                )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Neurons of the input and of each layer, without bias neurons."""
        return (self.layers[0].inputs, *(layer.neurons for layer in self.layers))


def write_fixed(fixed: FixedPointModel, path: Path | str) -> None:
    """Write chip integers as .npz (without the report), for another Python to run."""
    # any: arrays and numpy scalars
    arrays: dict[str, Any] = {
        "format": np.int64(FORMAT),
        "steps": np.int64(fixed.steps),
        "dt": np.float64(fixed.dt),
        "layers": np.int64(len(fixed.layers)),
    }
    for number, layer in enumerate(fixed.layers, start=1):
        arrays[f"w{number}"], arrays[f"w_bias{number}"] = layer.w, layer.w_bias
        arrays[f"numbers{number}"] = np.array(
            [layer.vth, layer.weight_exp, layer.weight_bits, layer.du, layer.dv], dtype=np.int64
        )
        arrays[f"sign_mode{number}"] = np.array(layer.sign_mode)
        arrays |= _extras(layer, number)
    write_npz(path, arrays)


def read_fixed(path: Path | str) -> FixedPointModel:
    """Read a file of `write_fixed`.

    Raises: FileNotFoundError; ValueError naming the array that is missing or wrong.
    """
    arrays = read_npz(path)
    try:
        if arrays["format"] != FORMAT:
            raise ValueError(f"format {arrays['format']}; this version reads format {FORMAT}")
        layers = []
        for number in range(1, int(arrays["layers"].item()) + 1):
            vth, weight_exp, weight_bits, du, dv = (
                int(value) for value in arrays[f"numbers{number}"].tolist()
            )
            layers.append(
                FixedPointLayer(
                    w=arrays[f"w{number}"],
                    w_bias=arrays[f"w_bias{number}"],
                    vth=vth,
                    weight_exp=weight_exp,
                    weight_bits=weight_bits,
                    du=du,
                    dv=dv,
                    sign_mode=str(arrays[f"sign_mode{number}"]),
                    **_read_extras(arrays, number),
                )
            )
        return FixedPointModel(
            layers=tuple(layers), steps=int(arrays["steps"].item()), dt=float(arrays["dt"].item())
        )
    except KeyError as err:
        raise ValueError(f"{path}: has no array {err}: write it again") from None
    except (ValueError, TypeError, OverflowError) as err:
        raise ValueError(f"{path}: {err}") from None


def _extras(layer: FixedPointLayer, number: int) -> dict[str, Any]:  # any: arrays
    """Return the arrays of parts that plain dense layers do not have."""
    arrays: dict[str, Any] = {}
    for name in ("w_rec", "delay", "bias_mant", "decays"):
        if getattr(layer, name) is not None:
            arrays[f"{name}{number}"] = getattr(layer, name)
    if layer.reset != "zero":
        arrays[f"reset{number}"] = np.array(layer.reset)
    if not layer.fires:
        arrays[f"readout{number}"] = np.int64(1)
    if layer.conv is not None:
        arrays[f"conv{number}"] = _numbers_of(layer.conv)
    return arrays


def _read_extras(arrays: dict[str, np.ndarray], number: int) -> dict[str, Any]:  # any: keywords
    extras: dict[str, Any] = {
        name: arrays[f"{name}{number}"]
        for name in ("w_rec", "delay", "bias_mant", "decays")
        if f"{name}{number}" in arrays
    }
    if f"reset{number}" in arrays:
        extras["reset"] = str(arrays[f"reset{number}"])
    if f"readout{number}" in arrays:
        extras["fires"] = False
    if f"conv{number}" in arrays:
        extras["conv"] = _convolution(arrays[f"conv{number}"].tolist())
    return extras


def _numbers_of(conv: Convolution) -> np.ndarray:
    """Return a convolution as whole numbers, pools last."""
    pools = [
        (POOLS.index(pool.kind), *pool.size, *pool.stride, *pool.padding) for pool in conv.pools
    ]
    pairs = (*conv.kernel, *conv.stride, *conv.padding, *conv.dilation)
    numbers = (*conv.in_shape, conv.channels, conv.groups, *pairs, *itertools.chain(*pools))
    return np.array(numbers, dtype=np.int64)


def _convolution(numbers: list[int]) -> Convolution:
    at = iter(numbers)
    try:
        shape, channels, groups = (next(at), next(at), next(at)), next(at), next(at)
        pairs = [(next(at), next(at)) for _ in range(4)]
        pools = [
            Pool(
                kind=POOLS[kind],
                size=(next(at), next(at)),
                stride=(next(at), next(at)),
                padding=(next(at), next(at)),
            )
            for kind in at
        ]
    except (StopIteration, RuntimeError, IndexError, TypeError):
        raise ValueError(f"{numbers} are no convolution: write it again") from None
    kernel, stride, padding, dilation = pairs
    return Convolution(
        in_shape=shape,
        channels=channels,
        groups=groups,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        pools=tuple(pools),
    )
