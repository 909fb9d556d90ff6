"""A model in Loihi's integers: from real numbers to mantissas, exponents and decays, and what that
cost.

A threshold of 1 becomes `vth`, a weight w becomes the nearest multiple of the weight step to `w *
vth / 2**weight_exp`. The ratio k = vth / 2**weight_exp is the layer's only free choice: a large k
resolves small weights finely, but clips large ones. `quantise` tries a range of k for each layer
and keeps the one with the least squared error, each input counted by how often it spikes where
calibration spikes are given. A model whose `info["quantisation"]` already names vth and weight_exp
keeps them, so that weights learned on the chip come back as the very integers they were.

Biases enter the current as synapses of always-on axons (Lava's own LIF bias adds to v, which makes
another neuron). A bias larger than one 8-bit weight is spread over several such axons.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from . import chip
from .border.archive import read_npz, write_npz
from .border.model import LayerModel, Model, SpikeInput
from .border.nir_graph import FORMAT

MAX_BIAS_AXONS = 16  # of one layer; a bias beyond 16 weights of 254 saturates and is counted
_CANDIDATES = 48  # ratios k tried for a layer
_MAX_CLIPPED = 0.002  # fraction of weights that the boldest candidate may clip
# inputs' weights in one step, before the shift; the rest is for rounding
_SAFE_STEP = 0.95 * (2 * chip.MAX_STATE >> chip.INPUT_SHIFT)
# below it, rounding vth would move the scale by more than 1 %; weight_exp rises instead
_MIN_THRESHOLD_SOUGHT = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedPointLayer:
    """One layer in chip integers. What the numbers must satisfy is checked in `limits.check`, with
    the layer's name.
    """

    w: np.ndarray  # int32 [out, in], already a multiple of the weight step
    # int32 [out, bias axons], weights of the always-on axons; may have 0 columns
    w_bias: np.ndarray
    vth: int  # threshold, compared as vth << 6
    weight_exp: int = 0
    weight_bits: int = 8
    sign_mode: str = "mixed"
    du: int = 2047  # u keeps (4096 - (du + 1)) / 4096 a step
    dv: int = 1024  # v keeps (4096 - dv) / 4096 a step

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
        """Weight of 1 in thresholds: 2**weight_exp / vth."""
        return 2.0**self.weight_exp / self.vth


@dataclass(frozen=True, kw_only=True)
class LayerReport:
    """What quantising one layer cost."""

    scale: float  # one weight unit, in thresholds
    weight_error_rms: float  # in thresholds
    weight_error_max: float  # in thresholds
    clipped_weights: int
    zeroed_weights: int  # that were not 0 before
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
    """What quantising a model cost, layer by layer."""

    layers: tuple[LayerReport, ...]
    calibrated: bool  # whether spikes weighed the errors

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON can hold it; Any: it is JSON."""
        return {
            "calibrated": self.calibrated,
            "layers": [vars(layer).copy() for layer in self.layers],
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedPointModel:
    """A network in chip integers; `report` is None where the integers did not come from `quantise`."""

    layers: tuple[FixedPointLayer, ...]
    steps: int
    dt: float = 1e-4  # seconds per step, of the model's own time; the chip runs as fast as it can
    report: QuantisationReport | None = field(default=None)

    def __post_init__(self) -> None:
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
        """Neurons of the input and of each layer, bias neurons left out."""
        return (self.layers[0].w.shape[1], *(layer.w.shape[0] for layer in self.layers))


def quantise(
    model: Model, *, calibration: SpikeInput | None = None, weight_bits: int = 8
) -> FixedPointModel:
    """Turn a model into chip integers, losing as little as rounding allows.

    Args:
        calibration: samples as the net will see them (some hundreds); they weigh the errors of each
            layer's inputs, and each neuron's bias takes back the mean current that rounding its
            weights added.
        weight_bits: 2-6 or 8, for all layers (one bit holds no positive MIXED weight).
    Returns: a model whose `report` says what was rounded and clipped.
    Raises: ValueError for weight bits that Loihi has not, or calibration spikes that do not fit the
    input.
    """
    if weight_bits not in chip.WEIGHT_BITS[1:]:
        known = ", ".join(map(str, chip.WEIGHT_BITS[1:]))
        raise ValueError(
            f"weight_bits is {weight_bits}; weights of both signs can have {known} bits on Loihi"
        )
    spikes = None if calibration is None else _calibration_spikes(model, calibration)
    layers, reports = [], []
    for number, layer in enumerate(model.layers, start=1):
        rate = None if spikes is None else spikes.mean(axis=(0, 1), dtype=np.float64)
        feeds_bias = number < len(model.layers) and bool(model.layers[number].bias.any())
        vth, weight_exp = _recorded_scale(model, number) or _best_scale(
            layer, rate, weight_bits, feeds_bias
        )
        fixed, cost = _quantise_layer(layer, rate, vth, weight_exp, weight_bits)
        layers.append(fixed)
        reports.append(cost)
        if spikes is not None:
            spikes = _float_layer(layer, spikes)
    report = QuantisationReport(layers=tuple(reports), calibrated=calibration is not None)
    return FixedPointModel(layers=tuple(layers), steps=model.steps, dt=model.dt, report=report)


def dequantise(fixed: FixedPointModel, model: Model) -> Model:
    """Put the integers of `fixed` back into `model`: weights and biases become exact multiples of
    each layer's scale.

    The scale is recorded in `info["quantisation"]`, so that `quantise` of the result gives the same
    integers again. Odd weights, which on-chip learning can leave behind, are rounded to even ones
    there.
    Returns: a new Model; decays, feedback weights and everything else are those of `model`.
    """
    layers = []
    for layer, chip_layer in zip(model.layers, fixed.layers, strict=True):
        scale = chip_layer.scale
        layers.append(
            replace(layer, w=chip_layer.w * scale, bias=chip_layer.w_bias.sum(axis=1) * scale)
        )
    scales = [
        {"vth": layer.vth, "weight_exp": layer.weight_exp, "weight_bits": layer.weight_bits}
        for layer in fixed.layers
    ]
    return replace(
        model, layers=tuple(layers), info={**model.info, "quantisation": {"layers": scales}}
    )


def round_to_step(values: np.ndarray, weight_bits: int = 8, sign_mode: str = "mixed") -> np.ndarray:
    """Round real numbers to the nearest weight the chip can hold, int32; beyond the range they are
    clipped.
    """
    mode = chip.SIGN_MODES[sign_mode]
    step = mode.step(weight_bits)
    low, high = -(-mode.low // step) * step, mode.high // step * step
    return np.clip(np.rint(np.asarray(values, dtype=np.float64) / step) * step, low, high).astype(
        np.int32
    )


def write_fixed(fixed: FixedPointModel, path: Path | str) -> None:
    """Write chip integers as .npz (without the report), for another Python to run."""
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
    """Read a file of `write_fixed`. Raises: FileNotFoundError; ValueError naming what is wrong."""
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
    w_bias = _split_bias(target, weight_bits)
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


def _best_scale(
    layer: LayerModel, rate: np.ndarray | None, weight_bits: int, feeds_bias: bool
) -> tuple[int, int]:
    """Find (vth, weight_exp) of the least squared weight error, each column weighed by its rate (1
    without calibration).
    """
    w = layer.w
    magnitude = np.abs(w.astype(np.float64))
    largest = float(magnitude.max())
    if largest == 0:
        return _MIN_THRESHOLD_SOUGHT, 0
    top = _largest_weight(weight_bits)
    bold = max(float(np.quantile(magnitude, 1 - _MAX_CLIPPED)), largest / 16)
    max_vth = chip.MAX_THRESHOLD_BESIDE_BIAS_NEURON if feeds_bias else chip.MAX_THRESHOLD
    # A floor under the rates keeps inputs that happen to be silent in the calibration spikes from
    # being given up.
    column = np.ones(w.shape[1]) if rate is None else rate + 0.01
    # No single step may bring more current than one wrap takes back (`limits.check`), all inputs of
    # a neuron spiking.
    max_vth = min(
        max_vth, int(_SAFE_STEP / float((magnitude.sum(axis=1) + np.abs(layer.bias)).max()))
    )
    candidates = sorted(
        {_as_threshold(k, max_vth) for k in np.geomspace(top / largest, top / bold, _CANDIDATES)}
    )
    errors = [
        _squared_error(w, column, vth / 2.0**weight_exp, weight_bits)
        for vth, weight_exp in candidates
    ]
    # The first within a hair of the best: another Python's sums may differ in their last bits, its
    # integers must not.
    return next(
        c for c, error in zip(candidates, errors, strict=True) if error <= min(errors) * (1 + 1e-9)
    )


def _as_threshold(k: float, max_vth: int) -> tuple[int, int]:
    """Write k as vth / 2**weight_exp with the smallest exponent of at least 0 that leaves vth well
    resolved, if max_vth lets it.
    """
    weight_exp = min(chip.MAX_WEIGHT_EXP, max(0, math.ceil(math.log2(_MIN_THRESHOLD_SOUGHT / k))))
    while weight_exp > 0 and k * 2**weight_exp > max_vth:
        weight_exp -= 1
    return max(chip.MIN_THRESHOLD, min(max_vth, round(k * 2**weight_exp))), weight_exp


def _squared_error(w: np.ndarray, column: np.ndarray, k: float, weight_bits: int) -> float:
    scaled = w.astype(np.float64) * k
    per_column = ((round_to_step(scaled, weight_bits) - scaled) ** 2).sum(axis=0)
    return float(per_column @ column) / k**2


def _split_bias(target: np.ndarray, weight_bits: int) -> np.ndarray:
    """Write each bias as a sum of weights, one for each always-on axon. Returns int32 [out, axons],
    0 axons for no bias.
    """
    step = chip.SIGN_MODES["mixed"].step(weight_bits)
    rounded = np.rint(target / step) * step
    if not rounded.any():
        return np.zeros((target.size, 0), dtype=np.int32)
    axons = min(
        MAX_BIAS_AXONS, math.ceil(float(np.abs(rounded).max()) / _largest_weight(weight_bits))
    )
    rest, columns = rounded, []
    for _ in range(axons):
        part = round_to_step(rest, weight_bits)
        columns.append(part)
        rest = rest - part
    return np.stack(columns, axis=1)


def _largest_weight(weight_bits: int) -> int:
    """Largest MIXED weight, e.g. 254 at 8 bits."""
    step = chip.SIGN_MODES["mixed"].step(weight_bits)
    return chip.MAX_WEIGHT // step * step


def _decays(layer: LayerModel) -> tuple[int, int]:
    """12-bit decays (du, dv) nearest to the kept fractions; du acts as du + 1."""
    du = round(chip.DECAY_UNITY * (1 - layer.alpha_u)) - 1
    dv = round(chip.DECAY_UNITY * (1 - layer.alpha_v))
    return min(chip.MAX_DECAY, max(0, du)), min(chip.MAX_DECAY, max(0, dv))


def _recorded_scale(model: Model, number: int) -> tuple[int, int] | None:
    """(vth, weight_exp) of layer `number` (from 1) where the model's info names them."""
    recorded = model.info.get("quantisation")
    layers = recorded.get("layers") if isinstance(recorded, Mapping) else None
    if not isinstance(layers, list):
        return None
    entry = layers[number - 1] if len(layers) == len(model.layers) else None
    if not isinstance(entry, Mapping) or not all(
        isinstance(entry.get(name), int) for name in ("vth", "weight_exp")
    ):
        raise ValueError(
            f"info['quantisation']['layers'] names no vth and weight_exp for layer {number}: remove"
            " it to quantise anew"
        )
    vth, weight_exp = entry["vth"], entry["weight_exp"]
    if not (
        chip.MIN_THRESHOLD <= vth <= chip.MAX_THRESHOLD
        and chip.MIN_WEIGHT_EXP <= weight_exp <= chip.MAX_WEIGHT_EXP
    ):
        raise ValueError(
            f"info['quantisation'] asks for vth {vth}, weight_exp {weight_exp} in layer {number}:"
            " beyond Loihi's range"
        )
    return vth, weight_exp


def _calibration_spikes(model: Model, calibration: SpikeInput) -> np.ndarray:
    if calibration.spikes.shape[2] != model.sizes[0]:
        raise ValueError(
            f"calibration spikes have {calibration.spikes.shape[2]} inputs, the model has"
            f" {model.sizes[0]}"
        )
    return calibration.spikes


def _float_layer(layer: LayerModel, spikes: np.ndarray) -> np.ndarray:
    """Spikes uint8 [T, B, out] of one layer in real numbers; the step is that of `interchange`."""
    u = v = np.zeros((spikes.shape[1], layer.w.shape[0]), dtype=np.float32)
    out = np.empty((*spikes.shape[:2], layer.w.shape[0]), dtype=np.uint8)
    for t in range(spikes.shape[0]):
        u = layer.alpha_u * u + (spikes[t].astype(np.float32) @ layer.w.T + layer.bias)
        v = layer.alpha_v * v + u
        out[t] = v > 1
        v = v * (1 - out[t])
    return out
