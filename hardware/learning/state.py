"""State of a learning chip between two samples: start, convert from and to a Model, save."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import chip
from ..border.archive import read_npz, write_npz
from ..border.checks import instance_of
from ..border.faults import Faults
from ..border.layers import LayerModel, expect_plain
from ..border.model import Model
from ..border.printable import one_line
from .params import ChipLearningParams

STATE_FORMAT = 1
_RANDOM_SPREAD = 50  # standard deviation of random feedback weights; about that of learned ones
_FITTING = 0.995  # quantile of a model's weights that must fit the chip's range; ours


@dataclass(eq=False)
class LearningState:
    """State of a learning chip between two samples.

    Weights are in chip units, [pre, post], the bias axon last.
    """

    params: ChipLearningParams
    w: tuple[np.ndarray, ...]  # int16 [in + 1, out] per layer
    w_fb: tuple[np.ndarray, ...]  # int16 [populations, classes, N] per hidden layer
    x1: tuple[np.ndarray, ...]  # int64 [in + 1] per layer
    # int64 [layers, widest] per hidden layer: running mean currents while it sleeps
    means: tuple[np.ndarray, ...]
    clock: int = 0  # time steps so far
    samples: int = 0  # samples learned from
    nights: int = 0
    # provenance of the model that the run started from; any: JSON
    info: dict[str, Any] = field(default_factory=dict)
    # float64 [4], scratch sums for the caller's current epoch; saved with the state
    tally: np.ndarray = field(default_factory=lambda: np.zeros(4))
    faults: Faults = field(default_factory=Faults)  # of the chip, set by `faults.damaged`


def start(params: ChipLearningParams) -> LearningState:
    """Return an untrained chip.

    Forward weights are small and random; feedback weights are 0, or random for `feedback="random"`.
    """
    instance_of(params, ChipLearningParams, "params", "ChipLearningParams(...)")
    rng = np.random.default_rng([params.seed, 0])
    step = max(2, params.weight_step)  # Lava's first step makes all weights of 8 bits and more even
    w, w_fb = [], []
    for n_in, n_out in zip(params.sizes, params.sizes[1:], strict=False):
        limit = params.init * 2 / math.sqrt(n_in) * params.vth
        real = np.concatenate([rng.uniform(-limit, limit, (n_in, n_out)), np.zeros((1, n_out))])
        w.append(_to_step(real, step))
    for neurons in params.sizes[1:-1]:
        shape = (params.populations, params.sizes[-1], neurons)
        random = np.broadcast_to(rng.normal(0, _RANDOM_SPREAD, shape[1:]), shape)
        w_fb.append(_to_step(random if params.feedback == "random" else np.zeros(shape), step))
    widest = max(params.sizes[1:])
    return LearningState(
        params=params,
        w=tuple(w),
        w_fb=tuple(w_fb),
        x1=tuple(np.zeros(n + 1, dtype=np.int64) for n in params.sizes[:-1]),
        means=tuple(np.zeros((params.layers, widest), dtype=np.int64) for _ in params.sizes[1:-1]),
    )


def to_model(state: LearningState) -> Model:
    """Return the learned net as a Model.

    Every weight is an exact multiple of 1/vth, so that the model quantises to the same integers.
    """
    params = state.params
    lsb = 1 / params.vth
    layers = []
    for index, w in enumerate(state.w):
        real = w.astype(np.float64).T * lsb
        hidden = index < len(state.w_fb)
        layers.append(
            LayerModel(
                w=real[:, :-1],
                bias=real[:, -1],
                alpha_u=1 - (params.du + 1) / chip.DECAY_UNITY,
                alpha_v=1 - params.dv / chip.DECAY_UNITY,
                w_fb=state.w_fb[index].mean(axis=0).T * lsb if hidden else None,
            )
        )
    info = {
        **state.info,
        "learning": {
            "where": "chip",
            "params": json.loads(params.to_json()),
            "samples": state.samples,
            "nights": state.nights,
            **({"faults": dataclasses.asdict(state.faults)} if state.faults.any else {}),
        },
        "quantisation": {
            "layers": [
                {
                    "vth": params.vth,
                    "weight_exp": 0,
                    "du": params.du,
                    "dv": params.dv,
                    "weight_bits": min(8, params.weight_bits),
                }
                for _ in layers
            ]
        },
    }
    return Model(layers=tuple(layers), steps=params.steps, info=info)


def from_model(model: Model, params: ChipLearningParams | None = None) -> LearningState:
    """Put a trained model on the chip, to continue learning there.

    Its feedback weights are learned again in the nights before the first sample.

    Args:
        params: sizes, steps and decays are taken from the model; also vth, and with it the gains,
            where the model's weights need another scale.
    Raises: ValueError for layers that the engine cannot teach, or that differ in their decays.
    """
    params = params or ChipLearningParams()
    remedy = "keep the layers before the last frozen, with --plastic head"
    expect_plain(model.layers, "learning in the engine's integers", remedy)
    decays = {(layer.alpha_u, layer.alpha_v) for layer in model.layers}
    if len(decays) != 1:
        raise ValueError(
            f"the model's layers keep different fractions per step, {sorted(decays)}; learning on"
            " the chip needs one for all"
        )
    alpha_u, alpha_v = decays.pop()
    vth = _threshold(model, params.vth)
    # the same change in thresholds is fewer weight units where a unit is larger
    gain_hidden, gain_output = (
        min(255, max(1, round(gain * vth / params.vth)))
        for gain in (params.gain_hidden, params.gain_output)
    )
    plastic = params.plastic
    params = dataclasses.replace(
        params,
        sizes=model.sizes,
        steps=model.steps,
        du=min(chip.MAX_DECAY, max(0, round(chip.DECAY_UNITY * (1 - alpha_u)) - 1)),
        dv=min(chip.MAX_DECAY, max(0, round(chip.DECAY_UNITY * (1 - alpha_v)))),
        vth=vth,
        gain_hidden=gain_hidden,
        gain_output=gain_output,
        plastic=plastic if plastic is not None and len(plastic) == len(model.layers) else None,
    )
    weights = []
    for layer in model.layers:
        w, bias = layer.w.astype(np.float64), layer.bias[:, None].astype(np.float64)
        real = np.concatenate([w, bias], axis=1).T * params.vth
        weights.append(_to_step(real, max(2, params.weight_step)))
    clipped = [float(np.mean(np.abs(layer.w * params.vth) > 256)) for layer in model.layers]
    return dataclasses.replace(
        start(params),
        w=tuple(weights),
        info={"from": model.info, "weights_clipped": clipped},
    )


def digest(w: np.ndarray, x1: np.ndarray) -> int:
    """Return 64 bits that differ where weights [pre, post] or traces differ."""
    values = (
        np.ascontiguousarray(w, dtype="<i2").tobytes()
        + np.ascontiguousarray(x1, dtype="<i2").tobytes()
    )
    return int.from_bytes(hashlib.blake2b(values, digest_size=8).digest(), "little")


def feedback_angle(state: LearningState, layer: int = 0) -> float:
    """Return the angle, in degrees, between a hidden layer's feedback weights and its forward path.

    The path is the product of the weights after the layer, transposed. A measurement only: learning
    does not use it.
    """
    path = np.eye(state.w[-1].shape[1])
    for w in reversed(state.w[layer + 1 :]):
        path = path @ w[:-1].T.astype(float)
    feedback = state.w_fb[layer].mean(axis=0)
    norm = np.linalg.norm(path) * np.linalg.norm(feedback)
    if norm == 0:
        return 90.0
    return math.degrees(math.acos(max(-1.0, min(1.0, float((path * feedback).sum() / norm)))))


def write_state(state: LearningState, path: Path | str) -> None:
    """Write a state as .npz, whole or not at all."""
    arrays: dict[str, np.ndarray] = {
        "format": np.array(STATE_FORMAT),
        "params": np.array(state.params.to_json()),
        "info": np.array(json.dumps(state.info)),
        "progress": np.array([state.clock, state.samples, state.nights], dtype=np.int64),
        "tally": state.tally,
        "faults": np.array(json.dumps(dataclasses.asdict(state.faults))),
    }
    for name in ("w", "w_fb", "x1", "means"):
        arrays |= {f"{name}{index}": array for index, array in enumerate(getattr(state, name))}
    write_npz(path, arrays)


def read_state(path: Path | str) -> LearningState:
    """Read a file of `write_state`.

    Raises: FileNotFoundError; ValueError where the file is damaged, of another format, or does not
        fit its own parameters.
    """
    arrays = read_npz(path)
    try:
        if int(arrays["format"].item()) != STATE_FORMAT:
            raise ValueError(f"format {arrays['format']}; this version reads {STATE_FORMAT}")
        params = ChipLearningParams.from_json(str(arrays["params"]))
        # before memory is taken for them
        for index, sizes in enumerate(zip(params.sizes, params.sizes[1:], strict=False)):
            w, shape = arrays[f"w{index}"], (sizes[0] + 1, sizes[1])
            if w.shape != shape:
                raise ValueError(f"w{index} is {w.dtype} {w.shape}; the parameters need {shape}")
        state = start(params)
        for name, low, high in (
            ("w", -256, 255),
            ("w_fb", -256, 255),
            ("x1", 0, chip.MAX_TRACE),
            ("means", -(2**31), 2**31),
        ):
            for index, array in enumerate(getattr(state, name)):
                stored = arrays[f"{name}{index}"]
                if stored.shape != array.shape or stored.dtype != array.dtype:
                    raise ValueError(
                        f"{name}{index} is {stored.dtype} {stored.shape}; the parameters need"
                        f" {array.dtype} {array.shape}"
                    )
                if stored.min() < low or stored.max() > high:
                    raise ValueError(
                        f"{name}{index} runs from {stored.min()} to {stored.max()}; need {low} to"
                        f" {high}"
                    )
                array[...] = stored
        state.clock, state.samples, state.nights = map(int, arrays["progress"].tolist())
        if min(state.clock, state.samples, state.nights) < 0:
            raise ValueError(
                f"progress is {state.clock}, {state.samples}, {state.nights}; need 0 or more"
            )
        tally = arrays.get("tally", state.tally)
        if tally.shape != (4,) or tally.dtype != np.float64 or not (tally >= 0).all():
            raise ValueError(f"tally is {tally.dtype} {tally.shape}; need 4 numbers of at least 0")
        state.tally = tally
        if "faults" in arrays:
            state.faults = Faults(**json.loads(str(arrays["faults"])))
        state.info = json.loads(str(arrays["info"]))
        if not isinstance(state.info, dict):
            raise ValueError("info is no JSON object")
    except (KeyError, TypeError, OverflowError, RecursionError, json.JSONDecodeError) as err:
        raise ValueError(
            f"{path}: not a learning state of this version ({one_line(err)}): start the run again"
        ) from None
    except ValueError as err:
        raise ValueError(f"{path}: {one_line(err)}") from None
    return state


def _threshold(model: Model, usual: int) -> int:
    """Return the scale a model was quantised with, or one at which nearly all its weights fit.

    That is the largest scale, up to `usual`, at which 99.5 % of each layer's weights fit.
    """
    quantised = model.info.get("quantisation")
    layers = quantised.get("layers") if isinstance(quantised, dict) else None
    if isinstance(layers, list) and layers and all(isinstance(layer, dict) for layer in layers):
        scales = {(layer.get("vth"), layer.get("weight_exp")) for layer in layers}
        vth, exponent = scales.pop()
        if not scales and exponent == 0 and isinstance(vth, int):
            return vth
    largest = max(float(np.quantile(np.abs(layer.w), _FITTING)) for layer in model.layers)
    return max(1, min(usual, int(254 / largest))) if largest > 0 else usual


def _to_step(real: np.ndarray, step: int) -> np.ndarray:
    return (np.clip(np.rint(real / step), -256 // step, 256 // step - 1) * step).astype(np.int16)
