"""A trained network as a fixed front: its spikes before the last layer, for a head that learns.

    trained   the network, e.g. of a file: convolutions, recurrence and delays are all allowed
    front     all layers but the last, in the chip's integers; the emulator runs them, they stay
    head      dense synapses onto spiking classes, plastic; its inputs are the front's spikes

A front is run once over a data set, without synapses that learn, so that it costs what inference
costs; only the head has traces, error neurons and updates.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import emulator
from ..border.checks import instance_of
from ..border.layers import LayerModel
from ..border.model import COUNTED, Model, OperationCounts, SpikeInput
from ..fixed_layers import FixedPointLayer, FixedPointModel
from ..fixed_point import quantise
from . import state as learning_state
from .params import ChipLearningParams
from .state import LearningState

# Of a head on frozen features, which are many, dense, and shown for few steps. With the gains and
# margins of images, the third factors of 6 steps round to 0, and learning stops at a quarter of the
# digits. So: no margin, third factors of tens of units, finer weights, and traces that hardly
# outlast a sample. Chosen on the last 5,000 MNIST training images, at 6 steps.
HEAD: dict[str, Any] = {  # any: the parameters' types
    "vth": 2048,
    "init": 0.05,
    "margin_positive": 0,
    "margin_negative": 0,
    "gain_output": 200,
    "shift_output": 3,
    "x1_tau": 4,
    "x1_impulse": 24,
}
MAX_STEPS = 64  # spikes of a sample in one integer
_AT_ONCE = 250  # samples


@dataclass(frozen=True, kw_only=True, eq=False)
class FrontRun:
    """Spikes of a front, and the operations that they took."""

    spikes: np.ndarray  # uint64 [n, neurons] of the last layer: bit t is the spike of step t
    operations: OperationCounts


def front_of(model: Model) -> Model:
    """Return all layers but the last.

    Raises: ValueError for a model of one layer, one of too many steps, or one whose last hidden
        layer has no spikes.
    """
    instance_of(model, Model, "model", "a Model, e.g. of read_model")
    if len(model.layers) < 2:
        raise ValueError(
            "the model has 1 layer, its classes: a front needs at least one hidden layer"
        )
    if model.steps > MAX_STEPS:
        raise ValueError(
            f"the model runs for {model.steps} steps; a front can have {MAX_STEPS}: train it with"
            " fewer steps"
        )
    return dataclasses.replace(model, layers=model.layers[:-1], info=_info(model, slice(0, -1)))


def quantised(front: Model, calibration: SpikeInput | None = None) -> FixedPointModel:
    """Return the front in the chip's integers."""
    return quantise(front, calibration=calibration)


def run(front: FixedPointModel, samples: SpikeInput) -> FrontRun:
    """Run a front over encoded samples; return the spikes of its last layer.

    Raises: as `hardware.emulator.run`.
    """
    parts = []
    for first in range(0, samples.spikes.shape[1], _AT_ONCE):
        part = SpikeInput(spikes=samples.spikes[:, first : first + _AT_ONCE])
        result = emulator.run(front, part, record=("s",))
        spikes = result.s[-1] if result.s else np.zeros((0, 0, 0), dtype=np.uint8)
        bits = np.arange(len(spikes), dtype=np.uint64)[:, None, None]
        packed = (spikes.astype(np.uint64) << bits).sum(axis=0, dtype=np.uint64)
        parts.append(FrontRun(spikes=packed, operations=result.operations))
    return joined(parts)


def joined(parts: Sequence[FrontRun]) -> FrontRun:
    """Return the runs of one front over several portions of samples as one."""
    counts: dict[str, Any] = {  # any: the counts' types
        name: sum(getattr(part.operations, name) for part in parts)
        for name in (*COUNTED, "samples", "steps")
    }
    return FrontRun(
        spikes=np.concatenate([part.spikes for part in parts]),
        operations=OperationCounts(**counts),
    )


def head_of(model: Model, params: ChipLearningParams) -> LearningState:
    """Return the model's last layer as a chip that goes on learning.

    A dense layer of spiking neurons that reset to zero keeps its weights and decays; any other,
    e.g. a readout without spikes, is replaced by untrained spiking neurons with the decays of
    `params`.

    Args:
        params: sizes, steps and seed of the front's features are taken from the model.
    Raises: ValueError where the last layer is a convolution, or pools.
    """
    last, number = model.layers[-1], len(model.layers)
    if last.conv is not None:
        raise ValueError(
            f"layer {number}, the last, is a convolution or pools its inputs, and the learning"
            " engine has no shared or pooled synapses: train a network that ends with a dense"
            " layer, e.g. 16c5s2-32c5s2-10"
        )
    params = dataclasses.replace(
        params, sizes=(last.inputs, last.neurons), steps=model.steps, plastic=None
    )
    if keeps_weights(model):
        alone = Model(layers=(last,), steps=model.steps, info=_info(model, slice(-1, None)))
        return learning_state.from_model(alone, params)
    return dataclasses.replace(learning_state.start(params), info={"from": model.info})


def keeps_weights(model: Model) -> bool:
    """Return whether a head goes on from the weights of the model's last layer."""
    last = model.layers[-1]
    delayed = last.delay is not None and bool(last.delay.any())
    return last.fires and last.reset == "zero" and last.w_rec is None and not delayed


def with_head(model: Model, front: FixedPointModel, head: LearningState) -> Model:
    """Return the whole network: the front's integers as real numbers, and the learned head.

    Every weight is an exact multiple of its layer's scale, so that the model quantises to the same
    integers, with other calibration spikes too.
    """
    learned = learning_state.to_model(head)
    pairs = zip(front.layers, model.layers, strict=False)
    layers = (*(_as_real(fixed, layer) for fixed, layer in pairs), *learned.layers)
    scales = [
        {
            "vth": fixed.vth,
            "weight_exp": fixed.weight_exp,
            "du": fixed.du,
            "dv": fixed.dv,
            "weight_bits": fixed.weight_bits,
        }
        for fixed in front.layers
    ]
    of_head = learned.info["quantisation"]["layers"]
    info = {**learned.info, "quantisation": {"layers": [*scales, *of_head]}}
    return dataclasses.replace(model, layers=layers, info=info)


def digest(front: FixedPointModel) -> str:
    """Return a text that differs where the integers of two fronts differ."""
    hashed = hashlib.blake2b(digest_size=8)
    for layer in front.layers:
        numbers = (layer.vth, layer.weight_exp, layer.du, layer.dv)
        hashed.update(np.array(numbers, dtype="<i8").tobytes())
        for array in (layer.w, layer.w_bias, layer.w_rec, layer.delay):
            if array is not None:
                hashed.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
    return hashed.hexdigest()


def _as_real(fixed: FixedPointLayer, layer: LayerModel) -> LayerModel:
    """Return a layer whose real weights are those of the integers."""
    factor = 1.0 if layer.conv is None else layer.conv.factor  # of average pools
    w_rec = None if fixed.w_rec is None else fixed.w_rec * fixed.scale
    return dataclasses.replace(
        layer,
        w=fixed.w * (fixed.scale / factor),
        bias=fixed.w_bias.sum(axis=1) * fixed.scale,
        w_rec=w_rec,
        w_fb=None,
    )


def _info(model: Model, layers: slice) -> dict[str, Any]:  # any: JSON
    """Return the info of some of a model's layers: recorded scales are theirs alone."""
    recorded = model.info.get("quantisation")
    scales = recorded.get("layers") if isinstance(recorded, dict) else None
    if recorded is None or not isinstance(scales, list) or len(scales) != len(model.layers):
        return model.info
    return {**model.info, "quantisation": {**recorded, "layers": scales[layers]}}
