"""The cost of rounding a model to chip integers, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ZEROED_SHARE = (
    0.2  # of a layer's weights; more that round to 0 are reported. Ours: trained nets 0.01
)


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
