"""State of a prototype layer between two samples: start, save, read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import chip
from ..border.archive import read_npz, write_npz
from ..border.checks import instance_of
from ..border.printable import one_line
from .params import PrototypeParams

STATE_FORMAT = 1


@dataclass(eq=False)
class PrototypeState:
    """State of a prototype layer between two samples. Weights are in chip units, [pre, post]."""

    params: PrototypeParams
    w: np.ndarray  # int16 [inputs, prototypes]
    x1: np.ndarray  # int64 [inputs], presynaptic traces
    means: np.ndarray  # int64 [prototypes], running mean of a neuron's own response
    seen: np.ndarray  # int64 [prototypes], samples that each has learned from
    classes: np.ndarray  # int64 [prototypes], of a recruited neuron; -1: free
    clock: int = 0  # time steps so far
    samples: int = 0  # samples learned from

    @property
    def recruited(self) -> int:
        """Number of recruited neurons."""
        return int((self.classes >= 0).sum())


def start(params: PrototypeParams) -> PrototypeState:
    """Return a layer without prototypes."""
    instance_of(params, PrototypeParams, "params", "PrototypeParams(...)")
    neurons = params.prototypes
    return PrototypeState(
        params=params,
        w=np.zeros((params.inputs, neurons), dtype=np.int16),
        x1=np.zeros(params.inputs, dtype=np.int64),
        means=np.zeros(neurons, dtype=np.int64),
        seen=np.zeros(neurons, dtype=np.int64),
        classes=np.full(neurons, -1, dtype=np.int64),
    )


def write_state(state: PrototypeState, path: Path | str) -> None:
    """Write a state as .npz, whole or not at all."""
    arrays: dict[str, np.ndarray] = {
        "format": np.array(STATE_FORMAT),
        "prototypes": np.array(state.params.to_json()),
        "progress": np.array([state.clock, state.samples], dtype=np.int64),
    }
    for name in ("w", "x1", "means", "seen", "classes"):
        arrays[name] = getattr(state, name)
    write_npz(path, arrays)


def read_state(path: Path | str) -> PrototypeState:
    """Read a file of `write_state`.

    Raises: FileNotFoundError; ValueError where the file is damaged, of another format, or does not
        fit its own parameters.
    """
    arrays = read_npz(path)
    try:
        if int(arrays["format"].item()) != STATE_FORMAT:
            raise ValueError(f"format {arrays['format']}; this version reads {STATE_FORMAT}")
        state = start(PrototypeParams.from_json(str(arrays["prototypes"])))
        for name, low, high in (
            ("w", -256, 255),
            ("x1", 0, chip.MAX_TRACE),
            ("means", -(2**31), 2**31),
            ("seen", 0, 2**62),
            ("classes", -1, state.params.classes - 1),
        ):
            stored, array = arrays[name], getattr(state, name)
            if stored.shape != array.shape or stored.dtype != array.dtype:
                raise ValueError(
                    f"{name} is {stored.dtype} {stored.shape}; the parameters need"
                    f" {array.dtype} {array.shape}"
                )
            if stored.min() < low or stored.max() > high:
                raise ValueError(
                    f"{name} runs from {stored.min()} to {stored.max()}; need {low} to {high}"
                )
            array[...] = stored
        if (state.classes[state.recruited :] >= 0).any():
            raise ValueError("classes has free neurons before recruited ones")
        state.clock, state.samples = map(int, arrays["progress"].tolist())
        if min(state.clock, state.samples) < 0:
            raise ValueError(f"progress is {state.clock}, {state.samples}; need 0 or more")
    except (KeyError, TypeError, OverflowError) as err:
        raise ValueError(
            f"{path}: not a prototype state of this version ({one_line(err)}): start again"
        ) from None
    except ValueError as err:
        raise ValueError(f"{path}: {one_line(err)}") from None
    return state
