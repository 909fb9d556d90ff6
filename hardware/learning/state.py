"""What a learning chip remembers between two samples: made anew, taken from a model, given back as
one, kept in a file.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import chip
from ..border.archive import one_line, read_npz, write_npz
from ..border.model import LayerModel, Model
from .params import ChipLearningParams

STATE_FORMAT = 1
_RANDOM_SPREAD = 50  # of random feedback weights: about what sleep arrives at


@dataclass(eq=False)
class LearningState:
    """All that a learning chip remembers between two samples. Weights in chip units, [pre, post],
    bias axon last.
    """

    params: ChipLearningParams
    w: tuple[np.ndarray, ...]  # int16 [in + 1, out] a layer
    w_fb: tuple[np.ndarray, ...]  # int16 [populations, classes, N] a hidden layer
    x1: tuple[np.ndarray, ...]  # int64 [in + 1] a layer
    # int64 [layers, widest] a hidden layer: running mean currents while it sleeps
    means: tuple[np.ndarray, ...]
    clock: int = 0  # time steps done
    samples: int = 0  # learned from
    nights: int = 0
    # provenance of a model the run started from; Any: it is JSON
    info: dict[str, Any] = field(default_factory=dict)
    # of the running epoch, for whoever counts: kept with the rest
    tally: np.ndarray = field(default_factory=lambda: np.zeros(4))


def start(params: ChipLearningParams) -> LearningState:
    """A chip that has learned nothing: small random forward weights, feedback weights 0, or random
    where they stay so.
    """
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


def next_lesson(state: LearningState, **changes: Any) -> LearningState:
    """The same chip before a new lesson: weights, traces and clock stay, samples are counted from 0
    again.

    Args:
        changes: parameters to replace, e.g. samples=5000, gain_hidden=40; sizes and bit widths must
            stay. Any: their types.
    """
    params = dataclasses.replace(state.params, **changes)
    for name in ("sizes", "weight_bits", "traces", "epoch", "vth"):
        if getattr(params, name) != getattr(state.params, name):
            raise ValueError(
                f"{name} would change from {getattr(state.params, name)} to"
                f" {getattr(params, name)}; start a new run for that"
            )
    return dataclasses.replace(state, params=params, samples=0, tally=np.zeros(4))


def to_model(state: LearningState) -> Model:
    """The learned net as a Model: every weight an exact multiple of 1/vth, so that it quantises
    back to the same integers.
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
    """Put a trained model on the chip to go on learning there; its feedback weights are learned
    anew in the nights before.

    Args:
        params: sizes, steps and decays are taken from the model; vth too, and with it the gains,
            where its weights need another scale.
    Raises: ValueError where the model's layers differ in their decays, or it has no hidden layer.
    """
    params = params or ChipLearningParams()
    kept = {(layer.alpha_u, layer.alpha_v) for layer in model.layers}
    if len(kept) != 1:
        raise ValueError(
            f"the model's layers keep different fractions per step, {sorted(kept)}; learning on the"
            " chip needs one for all"
        )
    alpha_u, alpha_v = kept.pop()
    du = min(chip.MAX_DECAY, max(0, round(chip.DECAY_UNITY * (1 - alpha_u)) - 1))
    dv = min(chip.MAX_DECAY, max(0, round(chip.DECAY_UNITY * (1 - alpha_v))))
    vth = _threshold(model, params.vth)
    values = json.loads(params.to_json()) | {
        "sizes": model.sizes,
        "steps": model.steps,
        "du": du,
        "dv": dv,
        "vth": vth,
    }
    # the same change in thresholds is fewer weight units where a unit is larger
    for name in ("gain_hidden", "gain_output"):
        values[name] = min(255, max(1, round(values[name] * vth / params.vth)))
    if values["plastic"] is not None and len(values["plastic"]) != len(model.layers):
        values["plastic"] = None
    params = ChipLearningParams.from_json(json.dumps(values))
    state = start(params)
    w = []
    for layer in model.layers:
        real = (
            np.concatenate(
                [layer.w.astype(np.float64), layer.bias[:, None].astype(np.float64)], axis=1
            ).T
            * params.vth
        )
        w.append(_to_step(real, max(2, params.weight_step)))
    lost = [float(np.mean(np.abs(layer.w * params.vth) > 256)) for layer in model.layers]
    return LearningState(
        params=params,
        w=tuple(w),
        w_fb=state.w_fb,
        x1=state.x1,
        means=state.means,
        info={"from": model.info, "weights_clipped": lost},
    )


def feedback_angle(state: LearningState, layer: int = 0) -> float:
    """Angle in degrees between a hidden layer's feedback weights and the path they should follow; a
    measurement, not part of learning.
    """
    path = np.eye(state.w[-1].shape[1])
    for w in reversed(state.w[layer + 1 :]):
        path = path @ w[:-1].T.astype(float)
    feedback = state.w_fb[layer].mean(axis=0)
    norm = np.linalg.norm(path) * np.linalg.norm(feedback)
    return (
        90.0
        if norm == 0
        else math.degrees(math.acos(max(-1.0, min(1.0, float((path * feedback).sum() / norm)))))
    )


def write_state(state: LearningState, path: Path | str) -> None:
    """Write a state as .npz, whole or not at all."""
    arrays: dict[str, np.ndarray] = {
        "format": np.array(STATE_FORMAT),
        "params": np.array(state.params.to_json()),
        "info": np.array(json.dumps(state.info)),
        "progress": np.array([state.clock, state.samples, state.nights], dtype=np.int64),
        "tally": state.tally,
    }
    for name in ("w", "w_fb", "x1", "means"):
        arrays |= {f"{name}{index}": array for index, array in enumerate(getattr(state, name))}
    write_npz(path, arrays)


def read_state(path: Path | str) -> LearningState:
    """Read what `write_state` wrote.

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
            found, shape = arrays[f"w{index}"], (sizes[0] + 1, sizes[1])
            if found.shape != shape:
                raise ValueError(
                    f"w{index} is {found.dtype} {found.shape}; the parameters ask for {shape}"
                )
        state = start(params)
        for name, low, high in (
            ("w", -256, 255),
            ("w_fb", -256, 255),
            ("x1", 0, chip.MAX_TRACE),
            ("means", -(2**31), 2**31),
        ):
            for index, array in enumerate(getattr(state, name)):
                found = arrays[f"{name}{index}"]
                if found.shape != array.shape or found.dtype != array.dtype:
                    raise ValueError(
                        f"{name}{index} is {found.dtype} {found.shape}; the parameters ask for"
                        f" {array.dtype} {array.shape}"
                    )
                if found.min() < low or found.max() > high:
                    raise ValueError(
                        f"{name}{index} runs from {found.min()} to {found.max()}; need {low} to"
                        f" {high}"
                    )
                array[...] = found
        state.clock, state.samples, state.nights = map(int, arrays["progress"].tolist())
        if min(state.clock, state.samples, state.nights) < 0:
            raise ValueError(
                f"progress is {state.clock}, {state.samples}, {state.nights}; need 0 or more"
            )
        tally = arrays.get("tally", state.tally)
        if tally.shape != (4,) or tally.dtype != np.float64 or not (tally >= 0).all():
            raise ValueError(f"tally is {tally.dtype} {tally.shape}; need 4 numbers of at least 0")
        state.tally = tally
        state.info = json.loads(str(arrays["info"]))
        if not isinstance(state.info, dict):
            raise ValueError("info is no JSON object")
    except (KeyError, TypeError, OverflowError, RecursionError, json.JSONDecodeError) as err:
        raise ValueError(
            f"{path}: no learning state of this version ({one_line(err)}): start the run again"
        ) from None
    except ValueError as err:
        raise ValueError(f"{path}: {one_line(err)}") from None
    return state


def _threshold(model: Model, usual: int) -> int:
    """The scale a model was quantised with, or the largest, up to the usual one, at which 99.5 % of
    each layer's weights fit.
    """
    quantised = model.info.get("quantisation")
    layers = quantised.get("layers") if isinstance(quantised, dict) else None
    if isinstance(layers, list) and layers and all(isinstance(layer, dict) for layer in layers):
        scales = {(layer.get("vth"), layer.get("weight_exp")) for layer in layers}
        vth, exponent = scales.pop()
        if not scales and exponent == 0 and isinstance(vth, int):
            return vth
    largest = max(float(np.quantile(np.abs(layer.w), 0.995)) for layer in model.layers)
    return max(1, min(usual, int(254 / largest))) if largest > 0 else usual


def _to_step(real: np.ndarray, step: int) -> np.ndarray:
    return (np.clip(np.rint(real / step), -256 // step, 256 // step - 1) * step).astype(np.int16)
