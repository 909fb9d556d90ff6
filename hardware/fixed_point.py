"""A model in Loihi's integers: mantissas, exponents and decays, and the cost of rounding to them.

`quantise` tries a range of scales for each layer (`weights`) and keeps the one with the least
squared error; with calibration spikes, each input's error is weighted by its spike rate. A model
whose `info["quantisation"]` names vth and weight_exp keeps them, so that weights learned on the
chip come back as the same integers.

Biases enter the current as synapses of always-on axons (Lava's own LIF bias adds to v, which makes
another neuron). A bias larger than one 8-bit weight is spread over several such axons.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import chip
from .border.archive import read_npz, write_npz
from .border.checks import instance_of
from .border.model import LayerModel, Model, SpikeInput
from .border.nir_graph import FORMAT
from .weights import best_scale, recorded_scale, round_to_step, split_bias

ZEROED_SHARE = (
    0.2  # of a layer's weights; more that round to 0 are reported. Ours: trained nets 0.01
)


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedPointLayer:
    """One layer in chip integers. Ranges are checked in `limits.check`."""

    w: np.ndarray  # int32 [out, in], already a multiple of the weight step
    # int32 [out, bias axons], weights of the always-on axons; may have 0 columns
    w_bias: np.ndarray
    vth: int  # threshold, compared as vth << 6
    weight_exp: int = 0
    weight_bits: int = 8
    sign_mode: str = "mixed"
    du: int = 2047  # u keeps (4096 - (du + 1)) / 4096 per step
    dv: int = 1024  # v keeps (4096 - dv) / 4096 per step

    def __post_init__(self) -> None:
        for name in ("w", "w_bias"):
            array = np.asarray(getattr(self, name))
            if array.dtype.kind not in "iu" or array.ndim != 2:
                raise ValueError(
                    f"FixedPointLayer.{name} is {array.dtype} of shape {array.shape}; need integers"
                    " [out, in]: quantise the model first"
                )
            object.__setattr__(self, name, np.ascontiguousarray(array, dtype=np.int32))
        if self.w.shape[0] != self.w_bias.shape[0] or 0 in self.w.shape:
            raise ValueError(
                f"FixedPointLayer.w has shape {self.w.shape}, w_bias {self.w_bias.shape}; need the"
                " same number of rows, at least 1"
            )
        for name in ("vth", "weight_exp", "weight_bits", "du", "dv"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                raise ValueError(
                    f"FixedPointLayer.{name} is {value!r}; need an integer (Lava hangs on a float)"
                )
            object.__setattr__(self, name, int(value))

    @property
    def scale(self) -> float:
        """One weight unit in thresholds, 2**weight_exp / vth."""
        return 2.0**self.weight_exp / self.vth


@dataclass(frozen=True, kw_only=True)
class LayerReport:
    """Cost of quantising one layer."""

    scale: float  # one weight unit, in thresholds
    weight_error_rms: float  # in thresholds
    weight_error_max: float  # in thresholds
    clipped_weights: int
    zeroed_weights: int  # rounded to 0
    weights: int
    bias_error_max: float  # in thresholds per step
    clipped_biases: int
    bias_axons: int
    alpha_u_asked: float
    alpha_u_got: float
    alpha_v_asked: float
    alpha_v_got: float


@dataclass(frozen=True, kw_only=True)
class QuantisationReport:
    """Cost of quantising a model, layer by layer."""

    layers: tuple[LayerReport, ...]
    calibrated: bool  # errors are weighted by the rates of calibration spikes

    def warnings(self) -> tuple[str, ...]:
        """Return one line per layer that lost more than `ZEROED_SHARE` of its weights."""
        return tuple(
            f"layer {number}: {layer.zeroed_weights:,} of {layer.weights:,} weights became 0; the"
            f" largest weight sets the unit ({layer.scale:.3g} thresholds): clip outliers (biograd"
            " deploy --clip auto), or use more weight bits"
            for number, layer in enumerate(self.layers, start=1)
            if layer.zeroed_weights > ZEROED_SHARE * layer.weights
        )

    def as_dict(self) -> dict[str, Any]:  # any: JSON
        """Return the report as JSON can hold it."""
        return {
            "calibrated": self.calibrated,
            "layers": [vars(layer).copy() for layer in self.layers],
        }


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
            if post.w.shape[1] != pre.w.shape[0]:
                raise ValueError(
                    f"layer {number} takes {post.w.shape[1]} inputs, layer {number - 1} has"
                    f" {pre.w.shape[0]} neurons"
                )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Neurons of the input and of each layer, without bias neurons."""
        return (self.layers[0].w.shape[1], *(layer.w.shape[0] for layer in self.layers))


def quantise(
    model: Model, *, calibration: SpikeInput | None = None, weight_bits: int = 8
) -> FixedPointModel:
    """Turn a model into chip integers with the smallest rounding error.

    Args:
        calibration: some hundreds of encoded training samples; their rates weight the errors of
            each layer's inputs, and each neuron's bias takes back the mean current that rounding
            its weights added.
        weight_bits: 2-6 or 8, for all layers (one bit holds no positive MIXED weight).
    Returns: a model whose `report` counts the rounded and clipped numbers.
    Raises: ValueError for weight bits that Loihi does not have, or calibration spikes that do not
        fit the input.
    """
    instance_of(model, Model, "model", "a Model, e.g. of read_model")
    if calibration is not None:
        instance_of(calibration, SpikeInput, "calibration", "a SpikeInput, or None")
    if weight_bits not in chip.WEIGHT_BITS[1:]:
        choices = ", ".join(map(str, chip.WEIGHT_BITS[1:]))
        raise ValueError(
            f"weight_bits is {weight_bits}; weights of both signs can have {choices} bits on Loihi"
        )
    spikes = None if calibration is None else _calibration_spikes(model, calibration)
    layers, reports = [], []
    for number, layer in enumerate(model.layers, start=1):
        rate = None if spikes is None else spikes.mean(axis=(0, 1), dtype=np.float64)
        feeds_bias = number < len(model.layers) and bool(model.layers[number].bias.any())
        vth, weight_exp = recorded_scale(model, number) or best_scale(
            layer, rate, weight_bits, feeds_bias
        )
        fixed, cost = _quantise_layer(layer, rate, vth, weight_exp, weight_bits)
        layers.append(fixed)
        reports.append(cost)
        if spikes is not None:
            spikes = _float_layer(layer, spikes)
    report = QuantisationReport(layers=tuple(reports), calibrated=calibration is not None)
    return FixedPointModel(layers=tuple(layers), steps=model.steps, dt=model.dt, report=report)


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
                )
            )
        return FixedPointModel(
            layers=tuple(layers), steps=int(arrays["steps"].item()), dt=float(arrays["dt"].item())
        )
    except KeyError as err:
        raise ValueError(f"{path}: has no array {err}: write it again") from None
    except (ValueError, TypeError, OverflowError) as err:
        raise ValueError(f"{path}: {err}") from None


def _quantise_layer(
    layer: LayerModel, rate: np.ndarray | None, vth: int, weight_exp: int, weight_bits: int
) -> tuple[FixedPointLayer, LayerReport]:
    k = vth / 2.0**weight_exp
    scaled = layer.w.astype(np.float64) * k
    w = round_to_step(scaled, weight_bits)
    error = (w - scaled) / k
    target = layer.bias.astype(np.float64) * k
    if rate is not None:
        target = target - (w - scaled) @ rate
    w_bias = split_bias(target, weight_bits)
    bias_error = np.abs(w_bias.sum(axis=1) - target) / k
    step = chip.SIGN_MODES["mixed"].step(weight_bits)
    du, dv = _decays(layer)
    report = LayerReport(
        scale=1 / k,
        weight_error_rms=float(np.sqrt(np.mean(error**2))),
        weight_error_max=float(np.abs(error).max()),
        clipped_weights=int((np.abs(w - scaled) > step / 2 + 1e-9).sum()),
        zeroed_weights=int(((w == 0) & (layer.w != 0)).sum()),
        weights=w.size,
        bias_error_max=float(bias_error.max()),
        clipped_biases=int((bias_error * k > step / 2 + 1e-9).sum()),
        bias_axons=w_bias.shape[1],
        alpha_u_asked=layer.alpha_u,
        alpha_u_got=(chip.DECAY_UNITY - du - 1) / chip.DECAY_UNITY,
        alpha_v_asked=layer.alpha_v,
        alpha_v_got=(chip.DECAY_UNITY - dv) / chip.DECAY_UNITY,
    )
    fixed = FixedPointLayer(
        w=w, w_bias=w_bias, vth=vth, weight_exp=weight_exp, weight_bits=weight_bits, du=du, dv=dv
    )
    return fixed, report


def _decays(layer: LayerModel) -> tuple[int, int]:
    """Return the 12-bit decays (du, dv) nearest to the kept fractions; du acts as du + 1."""
    du = round(chip.DECAY_UNITY * (1 - layer.alpha_u)) - 1
    dv = round(chip.DECAY_UNITY * (1 - layer.alpha_v))
    return min(chip.MAX_DECAY, max(0, du)), min(chip.MAX_DECAY, max(0, dv))


def _calibration_spikes(model: Model, calibration: SpikeInput) -> np.ndarray:
    if calibration.spikes.shape[2] != model.sizes[0]:
        raise ValueError(
            f"calibration spikes have {calibration.spikes.shape[2]} inputs, the model has"
            f" {model.sizes[0]}: encode with the model's own data set"
        )
    return calibration.spikes


def _float_layer(layer: LayerModel, spikes: np.ndarray) -> np.ndarray:
    """Run one layer in real numbers by the step of `border.model`; spikes uint8 [T, B, out]."""
    u = v = np.zeros((spikes.shape[1], layer.w.shape[0]), dtype=np.float32)
    out = np.empty((*spikes.shape[:2], layer.w.shape[0]), dtype=np.uint8)
    for t in range(spikes.shape[0]):
        u = layer.alpha_u * u + (spikes[t].astype(np.float32) @ layer.w.T + layer.bias)
        v = layer.alpha_v * v + u
        out[t] = v > 1
        v = v * (1 - out[t])
    return out
