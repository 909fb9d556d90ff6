"""Weights of one layer as NIR's nodes build them up: scales, pools, kernels, delays.

Traps, each met in practice: Flatten counts a batch axis or not, and is read as "all maps as one
row" either way; padding may be text; a scale or a pool may stand behind the weights, where it acts
on the currents; Conv1d is a Conv2d of maps with one row.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import nir
import numpy as np

from .nir_geometry import axis_pair, padding_of, pair
from .pooled_currents import PLACE, pooled_currents
from .shapes import Convolution, Pool, Shape


class Synapses(NamedTuple):
    """Weights onto one layer."""

    w: np.ndarray
    bias: np.ndarray
    conv: Convolution | None
    delay: np.ndarray | None


# any, in this file: nir is untyped
class Reader:
    """Collects the nodes up to the next neurons; `problems` gets a text per fault."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        self.shape: Shape | None = None  # of the maps here, where they are known
        self.start()

    def start(self) -> None:
        """Forget the layer that was being collected."""
        self._w: np.ndarray | None = None
        self._bias = np.zeros(1)
        self._conv: Convolution | None = None
        self._pools: list[Pool] = []
        self._in_shape: Shape | None = self.shape  # before the pools
        self._before: np.ndarray | None = None  # factors of the inputs of the weights
        self._delay: np.ndarray | None = None

    @property
    def is_open(self) -> bool:
        """True where nodes were collected that no neurons followed."""
        return self._w is not None or self._before is not None or bool(self._pools)

    def shape_is(self, node: Any) -> None:
        """Take the shape of maps that an input states; a Flatten keeps what is known."""
        if not isinstance(node, nir.Input):
            return
        stated = node.input_type.get("input")
        if stated is not None and len(stated) in (2, 3) and self._w is None:
            channels, *extent = (int(n) for n in stated)
            rows, columns = (1, *extent) if len(extent) == 1 else extent
            if min(channels, rows, columns) > 0:
                self.shape = self._in_shape = (channels, rows, columns)

    def weights(self, name: str, node: Any) -> None:
        """Take dense or shared weights."""
        if self._w is not None:
            self.problems.append(
                f"node {name!r} ({type(node).__name__}) follows other weights: multiply the two, or"
                " put a LIF between them"
            )
        dense = isinstance(node, (nir.Linear, nir.Affine))
        w = np.asarray(node.weight, dtype=np.float64)
        ndim, form = (2, "[out, in]") if dense else (4, "[out, in, rows, columns]")
        if isinstance(node, nir.Conv1d):
            ndim, form = 3, "[out, in, length]"
        if w.ndim != ndim or 0 in w.shape:
            self.problems.append(
                f"node {name!r} has weights of shape {w.shape}; need {form}, none of them 0"
            )
            self._w, self._conv = np.zeros((1, 1)), None
            return
        bias = np.asarray(getattr(node, "bias", 0.0), dtype=np.float64).reshape(-1)
        if bias.size not in (1, len(w)):
            self.problems.append(
                f"node {name!r} has {bias.size} biases for {len(w)} neurons: need one each"
            )
            bias = np.zeros(1)
        self._bias = np.broadcast_to(bias, len(w))
        try:
            conv = self._dense_behind_pools(w) if dense else self._convolution(w, node)
        except (ValueError, TypeError) as err:
            self.problems.append(f"node {name!r}: {err}")
            self._w, self._conv = np.zeros((1, 1)), None
            return
        self._conv = conv
        self._w = w if conv is None else w.reshape(conv.weight_shape)
        self._scale_inputs(name)
        self.shape = None if conv is None or dense else conv.out_shape

    def pool(self, name: str, node: Any) -> None:
        """Take a pool of spikes, or, behind weights, of currents."""
        kind = "sum" if isinstance(node, nir.SumPool2d) else "average"
        try:
            pool = Pool(
                kind=kind,
                size=pair(node.kernel_size),
                stride=pair(node.stride),
                padding=pair(node.padding),
            )
            if self._w is not None:
                self._pool_currents(pool)
                return
            if self.shape is None:
                raise ValueError(
                    "the shape of the maps before this pool is not known: need an Input of"
                    " (channels, rows, columns), or a Conv2d with its input_shape"
                )
            self.shape = pool.out_shape(self.shape)
            self._pools.append(pool)
        except (ValueError, TypeError) as err:
            self.problems.append(f"node {name!r}: {err}")

    def scale(self, name: str, node: Any) -> None:
        """Take factors of the spikes, or, behind weights, of the currents."""
        scale = np.asarray(node.scale, dtype=np.float64).reshape(-1)
        if self._w is None:
            self._before = scale if self._before is None else self._before * scale
            return
        rows = len(self._w)
        neurons = rows if self._conv is None else self._conv.outputs
        if scale.size == neurons != rows:
            maps = scale.reshape(rows, -1)
            scale = maps[:, 0] if (maps == maps[:, :1]).all() else scale
        if scale.size not in (1, rows):
            self.problems.append(
                f"node {name!r} (Scale) has {scale.size} values for {rows} neurons: need 1 or one"
                " each"
            )
            return
        self._w = self._w * scale.reshape(-1, *[1] * (self._w.ndim - 1))
        self._bias = self._bias * scale

    def delay(self, name: str, node: Any) -> None:
        """Take delays of the spikes, seconds."""
        if self._w is not None or self._pools:
            self.problems.append(
                f"node {name!r} (Delay) follows weights or a pool: put it right behind the neurons"
            )
            return
        delay = np.asarray(node.delay, dtype=np.float64).reshape(-1)
        if not np.isfinite(delay).all() or (delay < 0).any():
            self.problems.append(
                f"node {name!r} (Delay) holds {delay.min():g} s; need finite delays of 0 or more"
            )
            return
        self._delay = delay if self._delay is None else self._delay + delay

    def finish(self, name: str, kind: str) -> Synapses | None:
        """Return the weights onto the neurons of this name, and start anew behind them."""
        w, bias, conv, delay = self._w, self._bias, self._conv, self._delay
        missing = w is None or self._before is not None
        if missing:
            self.problems.append(
                f"node {name!r} ({kind}) has no weights before it: put a Linear or Affine there"
            )
        self.start()
        if w is None or missing:
            return None
        inputs = w.shape[1] if conv is None else conv.inputs
        if delay is not None and delay.size not in (1, inputs):
            self.problems.append(
                f"the Delay before node {name!r} has {delay.size} values for {inputs} inputs: need"
                " 1 or one each"
            )
            return None
        if delay is not None:
            delay = np.broadcast_to(delay, inputs)
        return Synapses(w, bias, conv, delay)

    def _convolution(self, w: np.ndarray, node: Any) -> Convolution:
        if isinstance(node, nir.Conv1d):
            w = w[:, :, None]
        stated = node.input_shape
        extent = None if stated is None else tuple(np.asarray(stated).reshape(-1).tolist())
        if extent is not None and isinstance(node, nir.Conv1d):
            extent = (1, *extent)
        groups = int(node.groups)
        channels = w.shape[1] * groups
        shape = self.shape
        if shape is None and extent is not None:
            shape = (channels, int(extent[0]), int(extent[1]))
        if shape is None:
            raise ValueError(
                "neither the node nor an Input before it states the rows and columns of its input"
            )
        if shape[0] != channels or (extent is not None and tuple(extent) != shape[1:]):
            stated_text = "" if extent is None else f" of {extent[0]} x {extent[1]}"
            raise ValueError(
                f"takes {channels} channels{stated_text}, and the maps before it are {shape}"
            )
        stride, dilation = (
            axis_pair(value, isinstance(node, nir.Conv1d)) for value in (node.stride, node.dilation)
        )
        kernel = w.shape[2:]
        padding = padding_of(node.padding, kernel, stride, dilation, isinstance(node, nir.Conv1d))
        before = self._in_shape if self._pools else shape
        assert before is not None
        return Convolution(
            in_shape=before,
            channels=len(w),
            kernel=kernel,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            pools=tuple(self._pools),
        )

    def _dense_behind_pools(self, w: np.ndarray) -> Convolution | None:
        if not self._pools:
            if self.shape is not None and math.prod(self.shape) != w.shape[1]:
                raise ValueError(
                    f"takes {w.shape[1]} inputs, and the maps before it are {self.shape}"
                )
            return None
        assert self._in_shape is not None and self.shape is not None
        if math.prod(self.shape) != w.shape[1]:
            raise ValueError(f"takes {w.shape[1]} inputs, and the pooled maps are {self.shape}")
        return Convolution(
            in_shape=self._in_shape,
            channels=len(w),
            kernel=self.shape[1:],
            pools=tuple(self._pools),
        )

    def _scale_inputs(self, name: str) -> None:
        """Multiply the weights by the factors of a Scale before them."""
        assert self._w is not None
        before, self._before = self._before, None
        if before is None:
            return
        columns = self._w.shape[1]
        if self._conv is not None and before.size == math.prod(self._conv.pooled_shape):
            maps = before.reshape(self._conv.pooled_shape[0], -1)
            before = maps[:, 0] if (maps == maps[:, :1]).all() else before
        grouped = self._conv is not None and self._conv.groups > 1
        if before.size not in (1, columns) or (grouped and before.size > 1):
            self.problems.append(
                f"the Scale before node {name!r} has {before.size} values for {columns} inputs:"
                " need 1 or one each"
            )
            return
        self._w = self._w * before.reshape(-1, *[1] * (self._w.ndim - 2))

    def _pool_currents(self, pool: Pool) -> None:
        """Turn a pool of currents into wider kernels, which mean the same."""
        if self._conv is None:
            raise ValueError(f"{PLACE} behind the neurons")
        assert self._w is not None
        self._conv, self._w, self._bias = pooled_currents(self._conv, self._w, self._bias, pool)
        self.shape = self._conv.out_shape
