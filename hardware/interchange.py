"""The public names for exchanging models, spikes and results, at one stable address for scripts."""

from .border.files import (
    read_model,
    read_result,
    read_spikes,
    write_model,
    write_result,
    write_spikes,
)
from .border.model import LayerModel, Model, OperationCounts, RunResult, SpikeInput
from .border.nir_foreign import Foreign

__all__ = [
    "Foreign",
    "LayerModel",
    "Model",
    "OperationCounts",
    "RunResult",
    "SpikeInput",
    "read_model",
    "read_result",
    "read_spikes",
    "write_model",
    "write_result",
    "write_spikes",
]
