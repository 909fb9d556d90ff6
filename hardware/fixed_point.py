"""A model in Loihi's integers: mantissas, exponents and decays, and the cost of rounding to them.

`quantise` tries a range of scales for each layer (`weights`) and keeps the one with the least
squared error; with calibration spikes, each input's error is weighted by its spike rate. A model
whose `info["quantisation"]` names vth and weight_exp keeps them, so that weights learned on the
chip come back as the same integers.

Biases enter the current as synapses of always-on axons (Lava's own LIF bias adds to v, which makes
another neuron). A bias larger than one 8-bit weight is spread over several such axons.
"""

from __future__ import annotations

import numpy as np

from . import chip
from .border.checks import instance_of
from .border.layers import LayerModel
from .border.model import Model, SpikeInput
from .border.shapes import Convolution
from .convolution.currents import currents
from .convolution.real_layers import LayerRun, run_layer
from .fixed_layers import FixedPointLayer, FixedPointModel, read_fixed, write_fixed
from .quantisation_report import LayerReport, QuantisationReport
from .weights import Synapses, best_scale, recorded_scale, round_to_step, split_bias

__all__ = ["FixedPointLayer", "FixedPointModel", "quantise", "read_fixed", "write_fixed"]


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
        following = model.layers[number] if number < len(model.layers) else None
        run = None if spikes is None else run_layer(layer, spikes)
        scale = recorded_scale(model, number) or best_scale(
            _synapses(layer, spikes, run),
            weight_bits,
            feeds_bias=following is not None and bool(following.bias.any()),
            largest_voltage=None if layer.fires else 8.0 if run is None else run.largest_voltage,
        )
        fixed, cost = _quantise_layer(layer, spikes, run, scale, weight_bits)
        layers.append(fixed)
        reports.append(cost)
        spikes = None if run is None else run.s
    report = QuantisationReport(layers=tuple(reports), calibrated=calibration is not None)
    return FixedPointModel(layers=tuple(layers), steps=model.steps, dt=model.dt, report=report)


def _synapses(layer: LayerModel, spikes: np.ndarray | None, run: LayerRun | None) -> Synapses:
    """Return all weights of a layer that share a scale, as rows of one matrix."""
    w = _integer_ready(layer)
    rate = None if spikes is None else _rates(layer.conv, spikes)
    largest = _largest_sum(w, layer.conv) + np.abs(_per_neuron(layer, layer.bias))
    rows = w.reshape(len(w), -1)
    if layer.w_rec is not None:
        own = None if run is None else run.s.mean(axis=(0, 1), dtype=np.float64)
        rate = None if rate is None or own is None else np.concatenate([rate, own])
        rows = np.concatenate([rows, layer.w_rec], axis=1)
        largest = largest + _largest_sum(layer.w_rec, None)
    return Synapses(rows, rate, float(largest.max()))


def _quantise_layer(
    layer: LayerModel,
    spikes: np.ndarray | None,
    run: LayerRun | None,
    scale: tuple[int, int],
    weight_bits: int,
) -> tuple[FixedPointLayer, LayerReport]:
    vth, weight_exp = scale
    k = vth / 2.0**weight_exp
    scaled = _integer_ready(layer).astype(np.float64) * k
    w = round_to_step(scaled, weight_bits)
    target = layer.bias.astype(np.float64) * k
    if spikes is not None:
        target = target - _drift(layer.conv, w - scaled, spikes)
    errors, sizes = [w - scaled], [(w, layer.w)]
    w_rec = None
    if layer.w_rec is not None:
        recurrent = layer.w_rec.astype(np.float64) * k
        w_rec = round_to_step(recurrent, weight_bits)
        if run is not None:
            target = target - (w_rec - recurrent) @ run.s.mean(axis=(0, 1), dtype=np.float64)
        errors.append(w_rec - recurrent)
        sizes.append((w_rec, layer.w_rec))
    units = np.concatenate([part.reshape(-1) for part in errors])
    error = units / k
    w_bias = split_bias(target, weight_bits)
    bias_error = np.abs(w_bias.sum(axis=1) - target) / k
    step = chip.SIGN_MODES["mixed"].step(weight_bits)
    decays = _decays(layer)
    asked, got = _least_exact(layer, decays)
    report = LayerReport(
        scale=1 / k,
        weight_error_rms=float(np.sqrt(np.mean(error**2))),
        weight_error_max=float(np.abs(error).max()),
        clipped_weights=int((np.abs(units) > step / 2 + 1e-9).sum()),
        zeroed_weights=sum(int(((fixed == 0) & (real != 0)).sum()) for fixed, real in sizes),
        weights=error.size,
        bias_error_max=float(bias_error.max()),
        clipped_biases=int((bias_error * k > step / 2 + 1e-9).sum()),
        bias_axons=w_bias.shape[1],
        alpha_u_asked=asked[0],
        alpha_u_got=got[0],
        alpha_v_asked=asked[1],
        alpha_v_got=got[1],
    )
    fixed = FixedPointLayer(
        w=w,
        w_bias=w_bias,
        vth=vth,
        weight_exp=weight_exp,
        weight_bits=weight_bits,
        du=int(decays[0, 0]),
        dv=int(decays[1, 0]),
        decays=decays if layer.is_mixed else None,
        conv=layer.conv,
        w_rec=w_rec,
        reset=layer.reset,
        fires=layer.fires,
        delay=layer.delay,
    )
    return fixed, report


def _integer_ready(layer: LayerModel) -> np.ndarray:
    """Return the weights with the factors of average pools: on the chip, pools only add."""
    factor = 1.0 if layer.conv is None else layer.conv.factor
    return layer.w if factor == 1 else layer.w * np.float32(factor)


def _largest_sum(w: np.ndarray, conv: Convolution | None) -> np.ndarray:
    """Return the sum of the weights' magnitudes that each neuron sees, float64 [out]."""
    magnitude = np.abs(w.astype(np.float64))
    if conv is None:
        return magnitude.sum(axis=1)
    return currents(magnitude, conv, np.ones((1, conv.inputs)), average=False)[0]


def _per_neuron(layer: LayerModel, values: np.ndarray) -> np.ndarray:
    return np.repeat(values, layer.neurons // len(values))


def _rates(conv: Convolution | None, spikes: np.ndarray) -> np.ndarray:
    """Return spikes per step of each column of the weights; a kernel's are means over a channel."""
    rate = spikes.mean(axis=(0, 1), dtype=np.float64)
    if conv is None:
        return rate
    channels = rate.reshape(conv.in_shape[0], -1).mean(axis=1)
    # kernels of several groups read other channels through the same columns
    columns = channels.reshape(conv.groups, -1).mean(axis=0)
    return np.repeat(columns, conv.kernel[0] * conv.kernel[1])


def _drift(conv: Convolution | None, error: np.ndarray, spikes: np.ndarray) -> np.ndarray:
    """Return the mean current that rounding adds to each row of the weights, weight units."""
    rate = spikes.mean(axis=(0, 1), dtype=np.float64)
    if conv is None:
        return error @ rate
    drift = currents(error, conv, rate[None], average=False)
    return drift.reshape(len(error), -1).mean(axis=1)


def _decays(layer: LayerModel) -> np.ndarray:
    """Return the 12-bit decays, du and dv, nearest to the kept fractions; du acts as du + 1.

    Returns: int64 [2, 1], or [2, rows of w] where neurons differ.
    """
    rows = len(layer.w) if layer.is_mixed else 1
    pairs = ((layer.alphas_u, layer.alpha_u), (layer.alphas_v, layer.alpha_v))
    alphas = [np.full(rows, one) if each is None else each for each, one in pairs]
    lost = chip.DECAY_UNITY * (1 - np.array(alphas, np.float64))
    return np.clip(np.rint(lost).astype(np.int64) - np.array([[1], [0]]), 0, chip.MAX_DECAY)


def _least_exact(layer: LayerModel, decays: np.ndarray) -> tuple[list[float], list[float]]:
    """Return the kept fractions of u and v that were asked for and are got, at their worst."""
    got = 1 - (decays + np.array([[1], [0]])) / chip.DECAY_UNITY
    if not layer.is_mixed:
        return [layer.alpha_u, layer.alpha_v], got[:, 0].tolist()
    asked = np.array(layer.kept(), np.float64)[:, :: layer.neurons // len(layer.w)]
    worst = np.abs(asked - got).argmax(axis=1)
    both = np.arange(2)
    return asked[both, worst].tolist(), got[both, worst].tolist()


def _calibration_spikes(model: Model, calibration: SpikeInput) -> np.ndarray:
    if calibration.spikes.shape[2] != model.sizes[0]:
        raise ValueError(
            f"calibration spikes have {calibration.spikes.shape[2]} inputs, the model has"
            f" {model.sizes[0]}: encode with the model's own data set"
        )
    if calibration.lengths is None:
        return calibration.spikes
    steps = int(np.median(calibration.lengths))  # so that no padding enters the rates
    return calibration.spikes[:steps, calibration.lengths >= steps]
