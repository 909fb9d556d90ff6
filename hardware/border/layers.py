"""One layer of a Model: synapses in real numbers, and the neurons that they drive."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .checks import real_number, word_of
from .shapes import Convolution

RESETS = ("zero", "subtract", "subtract_late", "none")
SURROGATES = ("rectangular", "tails")
MAX_DELAY = 62  # steps, as the chip's synapses hold them; Davies et al. 2018
_MIN_ALPHA = 1e-7  # smaller kept fractions do not survive 1 - dt / tau in double precision; write 0


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerModel:
    """One layer of neurons and the weights onto it, in real numbers.

    Arrays are stored as float32, kept fractions as float32 values: the simulator's precision.
    Populations of maps [C, H, W] are flattened in that order.
    """

    # float32, thresholds per spike: [out, in], or kernels [channels, C / groups, rows, columns] of
    # `conv`, which pools with a factor do not change
    w: np.ndarray
    bias: np.ndarray  # float32 [out] or [channels], thresholds per step, into the current u
    # defaults: those of biograd.neurons.TwoCompartmentParams (`tests/test_agreement.py`)
    alpha_u: float = 0.5  # current kept per step, 0 <= alpha < 1
    alpha_v: float = 0.75  # voltage kept per step, 0 <= alpha <= 1; 1: no leak
    alpha_a: float = 0.0  # apical voltage kept per step
    # float32 [out] or [channels], of each neuron or map, in place of alpha_u and alpha_v where they
    # differ; None: all alike
    alphas_u: np.ndarray | None = None
    alphas_v: np.ndarray | None = None
    # the slope that learning takes around the threshold; inference ignores both
    window: float = 1.0  # half-width, thresholds
    surrogate: str = "rectangular"  # or tails: 1 / (1 + ((v - 1) / window)^2)
    w_fb: np.ndarray | None = None  # float32 [out, classes]; None for the output layer
    conv: Convolution | None = None  # None: dense synapses
    # float32 [out, out], thresholds per spike: from the layer's own spikes of the step before
    w_rec: np.ndarray | None = None
    # after a spike: zero, subtract (v loses one threshold, then decays), subtract_late (v decays,
    # then loses one threshold) or none
    reset: str = "zero"
    fires: bool = True  # False: a readout, whose answer is the sum of its voltages
    delay: np.ndarray | None = None  # int [in], steps that each input's spikes arrive later

    def __post_init__(self) -> None:
        for name, ndim in (("w", 2 if self.conv is None else 4), ("bias", 1)):
            array = real_array(f"LayerModel.{name}", getattr(self, name), ndim)
            object.__setattr__(self, name, array)
        for name in ("w_fb", "w_rec"):
            if getattr(self, name) is not None:
                array = real_array(f"LayerModel.{name}", getattr(self, name), 2)
                object.__setattr__(self, name, array)
        self._check_sizes()
        for name in ("alpha_u", "alpha_v", "alpha_a", "window"):
            real_number(getattr(self, name), f"LayerModel.{name}", finite=False)
        for name in ("alpha_u", "alpha_v", "alpha_a"):
            alpha = float(np.float32(getattr(self, name)))
            if not (alpha == 0 or _MIN_ALPHA <= alpha < 1 or (name, alpha) == ("alpha_v", 1.0)):
                most = "at most 1" if name == "alpha_v" else "below 1"
                raise ValueError(
                    f"LayerModel.{name} is {getattr(self, name)}; need 0, or {_MIN_ALPHA:g} to"
                    f" {most} (fraction kept per step)"
                )
            object.__setattr__(self, name, alpha)
        for name in ("alphas_u", "alphas_v"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, self._alphas(name))
        if not (math.isfinite(self.window) and self.window > 0):
            raise ValueError(
                f"LayerModel.window is {self.window}; need a half-width above 0 (thresholds)"
            )
        word_of(self.reset, RESETS, "LayerModel.reset")
        word_of(self.surrogate, SURROGATES, "LayerModel.surrogate")
        if type(self.fires) is not bool:
            raise TypeError(f"LayerModel.fires is {self.fires!r}; need True or False")
        if self.delay is not None:
            object.__setattr__(
                self, "delay", delays_of("LayerModel.delay", self.delay, self.inputs)
            )

    @property
    def inputs(self) -> int:
        """Neurons before the layer."""
        return self.w.shape[1] if self.conv is None else self.conv.inputs

    @property
    def neurons(self) -> int:
        """Neurons of the layer."""
        return self.w.shape[0] if self.conv is None else self.conv.outputs

    @property
    def is_mixed(self) -> bool:
        """True where decays differ from neuron to neuron, or from map to map."""
        return self.alphas_u is not None or self.alphas_v is not None

    def kept(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the fractions of current and voltage that each neuron keeps per step, [out]."""
        pairs = ((self.alphas_u, self.alpha_u), (self.alphas_v, self.alpha_v))
        held = [np.array([a], np.float32) if alphas is None else alphas for alphas, a in pairs]
        both = [np.repeat(alphas, self.neurons // len(alphas)) for alphas in held]
        return both[0], both[1]

    def _alphas(self, name: str) -> np.ndarray:
        """Return decays of each neuron or map, checked."""
        alphas = real_array(f"LayerModel.{name}", getattr(self, name), 1)
        if alphas.shape != (len(self.w),):
            raise ValueError(
                f"LayerModel.{name} has shape {alphas.shape}; w has {len(self.w)} rows, so it needs"
                f" ({len(self.w)},)"
            )
        least, most = float(alphas.min()), float(alphas.max())
        small = alphas[(alphas != 0) & (alphas < _MIN_ALPHA)]
        if small.size or most > 1 or (most == 1 and name == "alphas_u"):
            beyond = most if most >= 1 else float(small[0]) if small.size else least
            limit = "at most 1" if name == "alphas_v" else "below 1"
            raise ValueError(
                f"LayerModel.{name} holds {beyond}; need 0, or {_MIN_ALPHA:g} to {limit} (fractions"
                " kept per step)"
            )
        return alphas

    def _check_sizes(self) -> None:
        if 0 in self.w.shape:
            raise ValueError(
                f"LayerModel.w has shape {self.w.shape}; need at least one neuron and one input"
            )
        if self.conv is not None and self.w.shape != self.conv.weight_shape:
            raise ValueError(
                f"LayerModel.w has shape {self.w.shape}; its convolution needs"
                f" {self.conv.weight_shape}"
            )
        rows = len(self.w)
        if self.bias.shape != (rows,):
            raise ValueError(
                f"LayerModel.bias has shape {self.bias.shape}; w has {rows} rows, so it needs shape"
                f" ({rows},)"
            )
        if self.w_fb is not None and self.w_fb.shape[0] != self.neurons:
            raise ValueError(
                f"LayerModel.w_fb has shape {self.w_fb.shape}; w has {self.neurons} rows, so it"
                f" needs ({self.neurons}, classes)"
            )
        if self.w_rec is not None and self.w_rec.shape != (self.neurons, self.neurons):
            raise ValueError(
                f"LayerModel.w_rec has shape {self.w_rec.shape}; the layer has {self.neurons}"
                f" neurons, so it needs ({self.neurons}, {self.neurons})"
            )


def expect_plain(
    layers: Sequence[Any], what: str, remedy: str = "run it with `biograd deploy`"
) -> None:
    """Raise ValueError for layers other than dense ones that fire and reset to zero.

    Args:
        layers: LayerModels, or layers in chip integers.
        what: what takes plain layers alone, e.g. "the drawing page".
        remedy: what to do instead.
    """
    for number, layer in enumerate(layers, start=1):
        parts = {
            "is convolutional, or pools": layer.conv is not None,
            "is recurrent": layer.w_rec is not None,
            "is a readout that does not fire": not layer.fires,
            f"resets by {layer.reset!r}": layer.fires and layer.reset != "zero",
            "has decays of its neurons' own": getattr(layer, "is_mixed", False),
            "has delays": layer.delay is not None and bool(layer.delay.any()),
            "has biases of its neurons' own": getattr(layer, "bias_mant", None) is not None,
        }
        for part, held in parts.items():
            if held:
                raise ValueError(
                    f"layer {number} {part}: {what} takes dense layers alone, which fire and reset"
                    f" to zero; {remedy}"
                )


def delays_of(name: str, value: Any, inputs: int) -> np.ndarray:
    """Return delays as int64 [inputs]; ValueError where they are no steps that the chip has."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu" or array.shape != (inputs,):
        raise ValueError(
            f"{name} is {array.dtype} of shape {array.shape}; need a whole number of steps per"
            f" input, shape ({inputs},)"
        )
    if array.min() < 0 or array.max() > MAX_DELAY:
        beyond = array.min() if array.min() < 0 else array.max()
        raise ValueError(
            f"{name} holds {beyond} steps; the chip has 0 to {MAX_DELAY}: shorten it, or use longer"
            " time steps"
        )
    return array.astype(np.int64)


def real_array(name: str, value: Any, ndim: int) -> np.ndarray:
    """Return an array of finite real numbers as float32."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or array.ndim != ndim:
        raise ValueError(
            f"{name} is {array.dtype} of shape {array.shape}; need real numbers in {ndim}"
            " dimension(s)"
        )
    array = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} holds {int((~np.isfinite(array)).sum()):,} values that are not finite: train"
            " again, or look for a division by 0"
        )
    return array
