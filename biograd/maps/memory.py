"""Arrays of event-driven steps on maps, kept from one batch to the next."""

from __future__ import annotations

import numpy as np
import torch


class MapMemory:
    """Arrays of a learner by name: memory is slow when it is touched for the first time.

    A copy of it starts empty: nothing in these arrays outlives a step.
    """

    def __init__(self) -> None:
        self._kept: dict[object, np.ndarray] = {}

    def __reduce__(self) -> tuple[type[MapMemory], tuple[()]]:
        return MapMemory, ()

    def take(self, name: object, shape: tuple[int, ...], kind: type = np.float32) -> np.ndarray:
        """Return the array of this name, as it was left, or a new one where the shape differs.

        Args:
            kind: np.float32 or np.uint32.
        """
        held = self._kept.get(name)
        if held is None or held.shape != shape:
            dtype = torch.float32 if kind is np.float32 else torch.int32  # aligned to cache lines
            held = torch.empty(shape, dtype=dtype).numpy().view(kind)
            self._kept[name] = held
        return held
