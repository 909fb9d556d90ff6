"""Networks of random integers with convolutions, pools, a loop and a readout."""

from __future__ import annotations

import numpy as np

from hardware.border.model import SpikeInput
from hardware.border.shapes import Convolution, Pool
from hardware.fixed_layers import FixedPointLayer, FixedPointModel
from hardware.weights import round_to_step

TWO = Pool(kind="sum", size=(2, 2), stride=(2, 2))
OVERLAPPING = Pool(kind="sum", size=(3, 3), stride=(2, 2))
PADDED = Pool(kind="sum", size=(2, 2), stride=(2, 2), padding=(1, 1))
GEOMETRIES = {
    "plain": {"kernel": 3},
    "strides": {"kernel": (3, 2), "stride": (2, 1), "padding": (1, 0)},
    "dilation": {"kernel": 3, "dilation": 2, "padding": 2},
    "groups": {"kernel": 3, "groups": 2, "padding": 1},
    "pool": {"kernel": 3, "padding": 1, "pools": (TWO,)},
    "two pools": {"kernel": 1, "pools": (TWO, TWO)},
    "pools that overlap": {"kernel": 3, "padding": 1, "pools": (OVERLAPPING,)},
    "a pool with padding": {"kernel": 3, "pools": (PADDED,)},
}


def geometry(name: str) -> Convolution:
    """A convolution of maps of 9 x 11, so that pools leave rows and columns out."""
    return Convolution(in_shape=(2, 9, 11), channels=4, **GEOMETRIES[name])


def random_layer(
    rng: np.random.Generator, sizes: tuple[int, ...], **changes: object
) -> FixedPointLayer:
    numbers = {"vth": 80, "du": 2047, "dv": 1024} | changes
    return FixedPointLayer(
        w=round_to_step(rng.normal(0, 60, sizes)),
        w_bias=round_to_step(rng.normal(0, 20, (sizes[0], 1))),
        **numbers,
    )


def network(name: str) -> tuple[FixedPointModel, SpikeInput]:
    """Two convolutions, a recurrent layer and a readout without spikes."""
    rng = np.random.default_rng(0)
    first = geometry(name)
    second = Convolution(in_shape=first.out_shape, channels=3, kernel=2)
    layers = (
        random_layer(rng, first.weight_shape, conv=first),
        random_layer(rng, second.weight_shape, conv=second, weight_exp=2, vth=300),
        random_layer(rng, (7, second.outputs), w_rec=round_to_step(rng.normal(0, 60, (7, 7)))),
        random_layer(rng, (3, 7), fires=False, dv=200),
    )
    spikes = np.random.default_rng(1).random((6, 3, first.inputs)) < 0.3
    return FixedPointModel(layers=layers, steps=6), SpikeInput(spikes=spikes)
